"""Examples for each command, which ``--help`` and the manual page show. The tests run them as they stand here."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple

# command: ((what to type, what for), ...)
EXAMPLES: "Dict[str, Tuple[Tuple[str, str], ...]]" = {
    "": (
        ("pvhready", "can this guest be switched, why not, what to type now"),
        ("pvhready plan", "all the steps from here to PVH, in order"),
        ("pvhready explain", "the checks; with the name of one, what it is about"),
        ("pvhready demo ubuntu-20.04-hack", "what it says of a guest that cannot be switched yet"),
    ),
    "check": (
        ("pvhready check", "does this guest come up under PVH"),
        ("pvhready check --target pv", "is there a way back to PV"),
        ("pvhready check --host debian-12", "on a host whose GRUB is that of Debian 12"),
        ("pvhready check --root /mnt --device /dev/xvda1", "a guest that is mounted, as in a rescue system"),
        ("pvhready check --format json >guest1.json", 'a report for programs, and for "pvhready fleet"'),
    ),
    "kernels": (
        ("pvhready kernels", "which of the installed kernels boot, and under which mode"),
    ),
    "entries": (
        ("pvhready entries", "the menu under PVH"),
        ("pvhready entries --platform xen-x86_64", "the menu under PV, which may differ"),
    ),
    "image": (
        ("pvhready image /boot/vmlinuz-*", "kernels by themselves, with their configuration beside them"),
        ("pvhready image linux-image.deb", "the kernel in a package that is not installed"),
    ),
    "plan": (
        ("pvhready plan", "the steps, each with its commands and its reason"),
        ("pvhready plan -q", "the next step alone"),
    ),
    "undo": (
        ("pvhready undo", "shows what would be done, and changes nothing"),
        ("pvhready undo --apply --switching", "does it; the switch to PVH comes right after it"),
        ("pvhready undo --apply --keep-pv", "does it, and leaves a way back to PV"),
        ("pvhready undo --revert --apply", "puts everything back"),
        ("pvhready undo --root /mnt --switching", "shows it for a guest that is mounted"),
    ),
    "exporter": (
        ("pvhready exporter", "serves http://127.0.0.1:9843/metrics"),
        ("pvhready exporter --textfile /var/lib/prometheus/node-exporter/pvhready.prom", "writes them once, for node exporter"),
    ),
    "fleet": (
        ("pvhready fleet reports/", "a table of all machines"),
        ("pvhready fleet --format html reports/ >page.html", "a page to look at in a browser"),
    ),
    "explain": (
        ("pvhready explain", "all checks"),
        ("pvhready explain image-not-bzimage", "one of them"),
    ),
    "demo": (
        ("pvhready demo --list", "the examples"),
        ("pvhready demo debian-12", "a guest that is ready"),
    ),
    "hook": (
        ("pvhready hook apt", "what apt's hook would say now"),
    ),
}


def as_lines(command: str) -> "Tuple[str, ...]":
    """Return the examples of a command ("" is the program by itself) for a terminal of 80 columns, each with what it is for."""
    found = EXAMPLES[command]
    longest = max(len(typed) for typed, _ in found)
    lines = tuple("  {:<{}}  {}".format(typed, longest, purpose) for typed, purpose in found)
    if max(map(len, lines)) < 80:
        return lines
    return tuple(line for typed, purpose in found for line in ("  " + typed, "      " + purpose))
