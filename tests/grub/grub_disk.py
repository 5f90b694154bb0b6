"""A disk for GRUB made from a dict, and runs of scripts on it."""

from typing import Dict, List, Optional, Tuple

from pvhready.grub import commands, menu
from pvhready.grub.devices import DIRECTORY, FILE, Devices, Information, not_found
from pvhready.grub.environment import Environment, initial
from pvhready.grub.interpreter import Interpreter
from pvhready.grub.state import Complaint, Stopped

KERNEL = "/boot/vmlinuz"
INITRD = "/boot/initrd.gz"
CONFIG = "/boot/grub/grub.cfg"


class Disk(Devices):
    """One file system, xen/xvda, with the UUID and label given; and the host's memdisk, where nothing is."""

    def __init__(self, files: Dict[str, str], uuid: str = "", label: str = "") -> None:
        self.files = files
        self.ids = {("uuid", uuid), ("label", label)}
        self.disks: Tuple[str, ...] = ("xen/xvda",)

    def exists(self, device: str) -> bool:
        return device in ("xen/xvda", "memdisk")

    def devices(self) -> Tuple[str, ...]:
        return self.disks

    def information(self, device: str, path: str) -> Optional[Information]:
        path = path.rstrip("/")
        if device != "xen/xvda":
            return None
        if path in self.files:
            return Information(FILE, len(self.files[path]))
        return Information(DIRECTORY) if any(name.startswith(path + "/") for name in self.files) else None

    def read(self, device: str, path: str, limit: int) -> bytes:
        if device != "xen/xvda" or path not in self.files:
            raise not_found(path)
        return self.files[path].encode("utf-8", "surrogateescape")

    def names(self, device: str, path: str) -> Tuple[str, ...]:
        below = path.rstrip("/") + "/"
        return tuple(sorted({name[len(below):].partition("/")[0] for name in self.files if name.startswith(below)}))

    def search(self, what: str, value: str) -> Optional[str]:
        return "xen/xvda" if (what, value) in self.ids or (what == "file" and value in self.files) else None


class Shown:
    """What came of a configuration: the entries, the one that boots, GRUB's errors, what it wrote to the screen."""

    def __init__(self, run: Interpreter, environment: Environment) -> None:
        self.errors: List[Complaint] = []
        collector = menu.Collector(run)
        top = collector.collect(run.menu, environment)
        self.errors = list(run.complaints)
        self.results = collector.results
        self.choice = menu.choose(top, collector.results)
        self.output = "".join(run.output)
        self.environment = environment

    @property
    def cmdline(self) -> Optional[str]:
        """The command line that the kernel gets, None when nothing boots."""
        if self.choice.index is None or not self.results[self.choice.index].boots:
            return None
        return self.results[self.choice.index].loader.cmdline

    @property
    def texts(self) -> List[str]:
        """The errors of the file, and then those of the entries."""
        return [error.text for error in self.errors] + [error.text for result in self.results for error in result.complaints]


def interpreter(script: str, files: Optional[Dict[str, str]] = None, platform: str = "xen_pvh", prefix: str = "") -> Interpreter:
    """Return an interpreter for a script, as Debian's host image starts it unless ``prefix`` names a folder of the guest."""
    tree = {KERNEL: "kernel", INITRD: "initramfs", CONFIG: script}
    tree.update(files or {})
    grub_platform, _, cpu = platform.partition("-")
    environment = initial(cpu or "i386", grub_platform, prefix or "(memdisk)/boot/grub", "xen/xvda")
    if not prefix:
        for name, value in (("config_file", "(memdisk)/grub.cfg"), ("config_directory", "(memdisk)")):
            environment.set(name, value)
            environment.export(name)
    return Interpreter(Disk(tree), environment, commands.table(grub_platform, lambda name: False))


def show(script: str, files: Optional[Dict[str, str]] = None, platform: str = "xen_pvh", prefix: str = "") -> Shown:
    """Run a configuration and all its entries."""
    run = interpreter(script, files, platform, prefix)
    environment = run.environment
    run.run_file("xen/xvda", CONFIG)
    return Shown(run, environment)


def screen(script: str, files: Optional[Dict[str, str]] = None, disks: Tuple[str, ...] = ("xen/xvda",)) -> List[str]:
    """Return the lines that a script writes, errors among them. ``disks`` are what a bare wildcard stands for."""
    run = interpreter(script, files)
    run.devices.disks = disks  # type: ignore[attr-defined]
    lines = [""]

    def write(text: str) -> None:
        parts = text.split("\n")
        lines[-1] += parts[0]
        lines.extend(parts[1:])

    run.print = write  # type: ignore[assignment]
    run.complain = lambda text, command=None, fatal=False: write("error: " + text + "\n")  # type: ignore[assignment]
    try:
        run.run_file("xen/xvda", CONFIG)
    except Stopped:
        pass
    return lines[:-1] if not lines[-1] else lines


def entry(title: str, options: str = "", kernel: str = KERNEL, more: str = "") -> str:
    """Return a menu entry whose command line tells which one it is, ``pick=TITLE``."""
    return "menuentry '{}' {} {{\n\tlinux {} pick={} {}\n\tinitrd {}\n}}\n".format(
        title, options, kernel, title.replace(" ", "_"), more, INITRD)


def grubenv(text: str) -> str:
    """Return an environment block with these lines."""
    block = "# GRUB Environment Block\n" + text
    return block + "#" * (1024 - len(block))
