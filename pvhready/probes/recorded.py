"""What a package manager has on record of an installed file."""

from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


class Recorded(NamedTuple):
    """A file of a package: ``package`` as ``Owners.owner`` names it, and the file's checksum.

    ``kind`` is deb or rpm; ``version`` and ``architecture`` are "" where they are not known. ``digest`` is hexadecimal, and ``algorithm``
    is what hashlib calls it; both are None where there is none: a file that the package does not ship (%ghost), or names only.
    """

    path: str
    package: str
    kind: str
    name: str
    version: str = ""
    architecture: str = ""
    algorithm: "Optional[str]" = None
    digest: "Optional[str]" = None

    @property
    def label(self) -> str:
        """The package with its version, as its package manager writes it."""
        return self.package if self.kind == "rpm" else "{} {}".format(self.name, self.version)
