"""Commands that load: kernels, initramfs, modules of GRUB, the environment block, fonts."""

from pvhready.cmdline import written_by_grub
from pvhready.grub import options
from pvhready.grub.devices import BAD_ARGUMENT, BAD_OS, FILE_NOT_FOUND, NO_KERNEL, NONE, Failure, NotKnown, not_found, split
from pvhready.grub.options import VALUE, Option
from pvhready.grub.parser import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Tuple

    from pvhready.grub.interpreter import Handler, Interpreter

_LOOPBACK = (Option("delete", "d"),)
MAX_MODULES = 500  # GRUB has some 300
_MAX_MODULE = 1 << 20  # bytes; xzio has some 20 KB
_DECISIVE = {"xzio": ("xzio", "crypto")}  # with what it depends on (moddep.lst of grub-xen-bin)
_LOAD_ENV = (Option("file", "f", VALUE), Option("skip-sig", "s"))


def linux(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Load a kernel: its file, and its arguments."""
    if not arguments:
        raise Failure(BAD_ARGUMENT, "filename expected.", fatal=True)
    loader = run.loader
    _note(run, arguments)
    run.step(len(run.modules) >> 4)
    loader.modules = list(run.modules)
    _demand_file(run, arguments[0])
    loader.initrd = []
    loader.loaded = True
    return NONE


def initrd(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Load initramfs files, all of them or none."""
    if not arguments:
        raise Failure(BAD_ARGUMENT, "filename expected.")
    names = [name.split(":", 2)[-1] if name.startswith("newc:") else name for name in arguments]
    run.loader.initrd = [_named(run, name) for name in names]
    if not run.loader.loaded:
        raise Failure(BAD_ARGUMENT, "you need to load the kernel first.", fatal=True)
    for name in names:
        _demand_file(run, name)
    return NONE


def _demand_file(run: "Interpreter", name: str) -> None:
    """Note where it is not known whether a file is there. Raises Failure, fatal to the entry, where it is not."""
    if run.environment.get("check_signatures") == "enforce":
        run.complain("signatures are demanded, and it is not known whether `{}' has a good one.".format(name), None, None)
    try:
        run.find_file(name)
    except Failure as failure:
        raise Failure(failure.code, failure.text, fatal=True) from failure
    except NotKnown as unknown:
        run.complain(str(unknown), None, None)


def module(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Load a file beside those that are loaded."""
    arguments = [argument for argument in arguments if argument != "--nounzip"]
    if not arguments:
        raise Failure(BAD_ARGUMENT, "filename expected.")
    before = run.loader.initrd
    try:
        return initrd(run, arguments[:1], node)
    finally:
        run.loader.initrd = before + run.loader.initrd


def multiboot(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Refuse a Linux kernel, as GRUB's multiboot loader does (loader/multiboot.c): such a kernel has no header of that kind.

    Only on the platform xen is ``multiboot`` another name of ``linux`` (loader/i386/xen.c).
    """
    if not arguments:
        raise Failure(BAD_ARGUMENT, "filename expected.", fatal=True)
    note_kernel(run, arguments)
    _demand_file(run, arguments[0])
    if "linu" in arguments[0].rpartition("/")[2].lower() or "bzimage" in arguments[0].lower():
        raise Failure(BAD_OS, "no multiboot header found.", fatal=True)
    run.complain("it is not known whether `{}' is a multiboot kernel.".format(arguments[0]), None, None)
    run.loader.loaded = run.loader.multiboot = True
    return NONE


def multiboot_module(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Load a file beside a multiboot kernel; there is none to be had beside Linux."""
    note_module(run, arguments)
    if not run.loader.multiboot:
        raise Failure(BAD_ARGUMENT, "you need to load the kernel first.", fatal=True)
    return NONE


def note_kernel(run: "Interpreter", arguments: "List[str]") -> None:
    """Remember the kernel that a command names which cannot load it, unless another one is loaded."""
    if arguments and not run.loader.loaded:
        _note(run, arguments)


def _note(run: "Interpreter", arguments: "List[str]") -> None:
    run.loader.cmdline = written_by_grub(arguments[1:])
    run.loader.written = written_by_grub(arguments[:1])
    run.loader.kernel = _named(run, arguments[0])


def note_initrd(run: "Interpreter", arguments: "List[str]") -> None:
    """Remember the files that a command names which cannot load them, unless others are loaded."""
    if arguments and not (run.loader.loaded and run.loader.initrd):
        run.loader.initrd = [_named(run, name.split(":", 2)[-1] if name.startswith("newc:") else name) for name in arguments]


def note_module(run: "Interpreter", arguments: "List[str]") -> None:
    """Remember one more file that a command names; what follows its name are its arguments."""
    names = [argument for argument in arguments if argument != "--nounzip"]
    if names and (run.loader.multiboot or not run.loader.loaded):
        run.loader.initrd = run.loader.initrd + [_named(run, names[0])]


def note_nothing(run: "Interpreter", arguments: "List[str]") -> None:
    """Remember nothing: what the command would start is no Linux kernel."""


# What the loaders that a build may lack would have loaded.
NOTES: "Dict[str, Callable[[Interpreter, List[str]], None]]" = {
    "linux16": note_kernel, "linuxefi": note_kernel, "multiboot2": note_kernel, "initrd16": note_initrd, "initrdefi": note_initrd,
    "module2": note_module, "chainloader": note_nothing, "ntldr": note_nothing,
}


def _named(run: "Interpreter", name: str) -> "Tuple[str, str]":
    """Return device and path of a name, whether or not anything is there."""
    try:
        device, path = split(name)
    except Failure:
        device, path = None, name
    return (run.environment.get("root") or "") if device is None else device, path


def boot(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Boot what is loaded. Raises Booted."""
    from pvhready.grub.state import Booted

    if run.loader.loaded:
        raise Booted()
    raise Failure(NO_KERNEL, "you need to load the kernel first.", fatal=True)


def insmod(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Note that a module of GRUB was inserted. What the image has built in is not known here.

    Only a bare name counts: what a file given by its path holds is not known either (kern/corecmd.c, grub_core_cmd_insmod). What decides
    whether a kernel can be read must be there: a host that takes its modules from the guest says "file not found" (measured on Xen).
    """
    if not arguments:
        raise Failure(BAD_ARGUMENT, "one argument expected.")
    name = arguments[0]
    if name[:1] not in ("/", "(", "+") and name not in run.modules and all(_is_there(run, needed) for needed in _DECISIVE.get(name, ())):
        if len(run.modules) >= MAX_MODULES:
            raise run.limit("more modules than GRUB has")
        run.modules.append(name)
    return NONE


def _is_there(run: "Interpreter", name: str) -> bool:
    """Whether a module that can be loaded lies below $prefix, where GRUB takes modules from (kern/dl.c, grub_dl_load)."""
    variables = run.environment
    cpu = variables.get("grub_cpu") or ""
    path = "{}/{}-{}/{}.mod".format(variables.get("prefix") or "", cpu, variables.get("grub_platform") or "", name)
    try:
        return _is_module(run.devices.read(*run.find_file(path), _MAX_MODULE), cpu)
    except (Failure, NotKnown):
        return False


def _is_module(content: bytes, cpu: str) -> bool:
    """Whether a file is a whole module for this processor, by its ELF header (kern/dl.c, grub_dl_check_header and grub_dl_load_core)."""
    wide = cpu == "x86_64"
    header = 64 if wide else 52
    kind, machine = (int.from_bytes(content[at:at + 2], "little") for at in (16, 18))
    if content[:6] != b"\x7fELF" + (b"\2\1" if wide else b"\1\1") or (kind, machine) != (1, 62 if wide else 3) or len(content) < header:
        return False
    table = int.from_bytes(content[40:48] if wide else content[32:36], "little")
    size, count = (int.from_bytes(content[at:at + 2], "little") for at in ((58, 60) if wide else (46, 48)))
    return bool(table and count) and table + size * count <= len(content)


def rmmod(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Note that a module of GRUB was taken out."""
    if not arguments:
        raise Failure(BAD_ARGUMENT, "one argument expected.")
    if arguments[0] in run.modules:
        run.modules.remove(arguments[0])
    return NONE


def loopback(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Make a device from a file, of which it is not known what it holds."""
    given = options.parse(_LOOPBACK, arguments)
    if not given.rest:
        raise Failure(BAD_ARGUMENT, "device name required.")
    run.made.discard(given.rest[0])
    if given.has("delete"):
        return NONE
    if len(given.rest) < 2:
        raise Failure(BAD_ARGUMENT, "filename expected.")
    try:
        run.find_file(given.rest[1])
    except NotKnown as unknown:
        run.complain(str(unknown), None, None)
    run.made.add(given.rest[0])
    return NONE


def cryptomount(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Open encrypted devices: which number each gets is not known, nor what it holds."""
    run.made.update("crypto{}".format(number) for number in range(10))
    return NONE


def load_env(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Set variables from an environment block."""
    given = options.parse(_LOAD_ENV, arguments)
    for name, value in _environment_block(run, given).items():
        if not given.rest or name in given.rest:
            run.environment.set(name, value)
            run.environment.origins[name] = name
    return NONE


def list_env(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Write the variables of an environment block to the screen."""
    for name, value in _environment_block(run, options.parse(_LOAD_ENV, arguments)).items():
        run.print("{}={}\n".format(name, value))
    return NONE


def save_env(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Check what GRUB checks before it writes to an environment block; nothing is written."""
    given = options.parse(_LOAD_ENV, arguments)
    if not given.rest:
        raise Failure(BAD_ARGUMENT, "no variable is specified.")
    _environment_block(run, given)
    return NONE


def _environment_block(run: "Interpreter", given: options.Parsed) -> "Dict[str, str]":
    name = given.value("file")
    if name is None:
        prefix = run.environment.get("prefix")
        if prefix is None:
            raise Failure(FILE_NOT_FOUND, "variable `prefix' isn't set.")
        name = prefix + "/grubenv"
    device, path = run.find_file(name)
    from pvhready.grub import envblock

    block = run.devices.read(device, path, 1024 * 1024)
    run.step(len(block) >> 6)
    return envblock.parse(block)


def loadfont(run: "Interpreter", arguments: "List[str]", node: Command) -> int:
    """Look for fonts."""
    if not arguments:
        raise Failure(BAD_ARGUMENT, "filename expected.")
    for name in arguments:
        if name[:1] not in ("(", "/", "+"):
            name = "{}/fonts/{}.pf2".format(run.environment.get("prefix") or "", name)
        try:
            run.find_file(name)
        except NotKnown as unknown:
            # Only how the menu looks depends on it.
            raise not_found(name) from unknown
    return NONE


COMMANDS: "Dict[str, Handler]" = {
    "linux": linux, "initrd": initrd, "multiboot": linux, "module": module, "boot": boot, "insmod": insmod, "rmmod": rmmod,
    "loopback": loopback, "cryptomount": cryptomount, "plainmount": cryptomount, "load_env": load_env, "list_env": list_env,
    "save_env": save_env, "loadfont": loadfont,
}
