"""What is known of the host's GRUB: profiles, as data.

GRUB is the host's and the menu is the guest's, so what boots depends on both. Every property of a profile is
"yes", "no" or "unknown". Sources: boots measured under Xen 4.17 with Debian's grub-xen-host of each release, and
GRUB's source where no build was tried.
"""

from pvhready.answers import NO, UNKNOWN, YES
from pvhready.errors import UsageError
from pvhready.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Sequence, Tuple

# Commands that no GRUB has on the Xen platforms unless its distribution added them (grub-core/Makefile.core.def).
_OPTIONAL_COMMANDS = ("blscfg", "linux16", "initrd16", "linuxefi", "initrdefi", "chainloader", "ntldr")


class Host(NamedTuple):
    """A host's GRUB.

    ``grub`` is its version, "" when unknown. ``configs`` maps each path where it may look for the guest's
    configuration to yes or unknown; every other path is a no. ``guest_prefix`` tells whether ``$prefix`` is a
    folder of the guest, so that grubenv is read. ``commands`` answers for commands that not every build has.
    ``exact_configs``: no other paths, in this very order; otherwise it is not known which of two comes first.
    ``payloads`` answers, for PV, whether a compression can be read; xz also depends on a module (``xzio``: is it built in).
    """

    name: str
    grub: str
    configs: "Dict[str, str]"
    guest_prefix: str
    commands: "Dict[str, str]"
    payloads: "Dict[str, str]"
    xzio: str
    exact_configs: bool = False

    def command(self, name: str) -> str:
        """Return yes, no or unknown for a GRUB command of the optional kind; yes for all others."""
        return self.commands.get(name, YES)

    def reads(self, feature: str) -> str:
        """Return yes, no or unknown for a file system, a feature of one or a layer below it, as readable.py names them."""
        from pvhready.readable import reads  # the table is needed only where a device was read

        return reads(self.name.partition("+")[0], self.grub, feature)


_DEBIAN_CONFIGS = {"/boot/grub/grub.cfg": YES, "/grub/grub.cfg": YES}
_UPSTREAM_CONFIGS = {"/boot/grub/grub.cfg": YES, "/boot/grub2/grub.cfg": UNKNOWN}
_BITFOLK_CONFIGS = {"/boot/grub/grub.cfg": YES, "/boot/grub2/grub.cfg": YES}
_FEDORA_CONFIGS = {"/boot/grub2/grub.cfg": YES, "/boot/grub/grub.cfg": UNKNOWN}

# loader/i386/xen_file.c reads these through the decompressors that GRUB has (boots measured up to 2.14, which unpacks zstd too and
# spoils the initramfs over it).
_PV_PAYLOADS = {"gzip": YES, "elf": YES, "xz": YES, "lzo": NO, "lz4": NO, "lzma": NO, "bzip2": NO, "zstd": NO}


def _commands(**known: str) -> "Dict[str, str]":
    return {name: known.get(name, NO) for name in _OPTIONAL_COMMANDS}


def _debian(name: str, grub: str) -> Host:
    return Host(name, grub, _DEBIAN_CONFIGS, NO, _commands(), _PV_PAYLOADS, YES, exact_configs=True)


def _upstream(grub: str) -> Host:
    return Host("upstream-" + grub, grub, _UPSTREAM_CONFIGS, YES, _commands(), _PV_PAYLOADS, UNKNOWN)


_PROFILES = (
    Host("bitfolk", "", _BITFOLK_CONFIGS, UNKNOWN, _commands(blscfg=UNKNOWN, linux16=UNKNOWN, initrd16=UNKNOWN), _PV_PAYLOADS, YES),
    _debian("debian-11", "2.06"),
    _debian("debian-12", "2.06"),
    _debian("debian-13", "2.12"),
    _debian("debian-sid", "2.14"),
    _upstream("2.04"),
    _upstream("2.06"),
    _upstream("2.12"),
    _upstream("2.14"),
    Host("fedora-41", "2.12", _FEDORA_CONFIGS, UNKNOWN, _commands(blscfg=YES), _PV_PAYLOADS, UNKNOWN),
)
DEFAULT = "bitfolk"
NAMES = tuple(profile.name for profile in _PROFILES)


def profile(text: str) -> Host:
    """Return the profile that ``NAME[+COMMAND...]`` stands for. Raises UsageError for a name that is not known."""
    name, _, added = text.partition("+")
    for host in _PROFILES:
        if host.name == name:
            break
    else:
        raise UsageError("no host profile is called {!r}; there are: {}".format(name, ", ".join(NAMES)))
    if name == text:
        return host
    if not all(added.split("+")):
        raise UsageError("--host {}: a + is followed by a command of GRUB, as in {}+linux16".format(text, name))
    commands = dict(host.commands)
    commands.update((command, YES) for command in added.split("+"))
    return host._replace(name=text, commands=commands)


def hosts_that_read(features: "Sequence[str]") -> "Tuple[str, ...]":
    """Return the names of the profiles that surely read all of these features."""
    return tuple(host.name for host in _PROFILES if all(host.reads(feature) == YES for feature in features))


def hosts_with(command: str) -> "Tuple[str, ...]":
    """Return the names of the profiles that surely have a command."""
    return tuple(host.name for host in _PROFILES if host.command(command) == YES)
