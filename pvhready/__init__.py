"""Is this Xen guest ready to be switched from PV to PVH?

For other programs: ``check`` and ``check_many``, described in docs/library.md. To import this costs next to nothing, as what they
need is imported when they are called.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Iterable, Iterator, Optional, Sequence, Union

    from pvhready.library import Error, Evidence, Finding, Remedy, Report, Result

    Path = Union[str, PathLike[str]]

__all__ = ["Error", "Evidence", "Finding", "Remedy", "Report", "Result", "__version__", "check", "check_many"]
__version__ = "0.1.0"


def check(
    root: "Path" = "/", host: str = "bitfolk", target: "Optional[str]" = None, guest: "Optional[str]" = None, deep: bool = False,
    devices: "Sequence[Path]" = (), skip: "Sequence[str]" = (),
) -> "Report":
    """Return the report on a guest; see ``pvhready.library.check``."""
    from pvhready import library

    return library.check(root, host, target, guest, deep, devices, skip)


def check_many(
    roots: "Iterable[Path]", host: str = "bitfolk", target: "Optional[str]" = None, guest: "Optional[str]" = None, deep: bool = False,
    skip: "Sequence[str]" = (), processes: "Optional[int]" = None,
) -> "Iterator[Result]":
    """Yield a result for each of many guests; see ``pvhready.library.check_many``."""
    from pvhready import library

    return library.check_many(roots, host, target, guest, deep, skip, processes)


if not TYPE_CHECKING:

    def __getattr__(name):
        """Let ``pvhready.Report`` and the other names be what they are in the library, from Python 3.7 on."""
        if name in __all__:
            from pvhready import library

            return getattr(library, name)
        raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))
