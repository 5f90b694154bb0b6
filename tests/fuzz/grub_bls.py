"""Entries of the boot loader specification, as GRUB's blscfg reads them."""

from grub_disk import INITRD, KERNEL, Disk

from pvhready.grub import commands, menu
from pvhready.grub.environment import initial
from pvhready.grub.interpreter import Interpreter
from pvhready.grub.state import LimitReached, Stopped
from tests.fuzz.places import parts

TOKENS = tuple(word.encode() for word in (
    "title A\n", "version 6.1.0-1\n", "linux /boot/vmlinuz\n", "initrd /boot/initrd.gz\n", "initrd /boot/a /boot/b\n",
    "options root=/dev/xvda1 $kernelopts\n",
    "id a\n", "grub_users $u\n", "grub_arg --unrestricted\n", "grub_class kernel\n", "\n%%\n", "#", "\t", "\r\n", "\0", "$x", "'", "}",
    "~", "^", "1.2~rc3-4.fc39",
))
_FILES = {KERNEL: "kernel", INITRD: "initramfs",
    "/boot/grub/grub.cfg": "set boot=xen/xvda\nkernelopts=\"root=/dev/xvda1\"\nx=$x$x\nblscfg\n"}


def run(data: bytes) -> None:
    """Read up to four entries, and choose."""
    texts = [part.decode("utf-8", "surrogateescape") for part in parts(data, 4)]
    disk = Disk(dict(_FILES, **{"/loader/entries/{}.conf".format(number): text for number, text in enumerate(texts)}))
    runner = Interpreter(disk, initial("i386", "xen_pvh", "(xen/xvda)/boot/grub", "xen/xvda"), commands.table("xen_pvh", lambda name: True))
    try:
        runner.run_file("xen/xvda", "/boot/grub/grub.cfg")
        collector = menu.Collector(runner)
        shown = collector.collect(runner.menu, runner.environment)
    except (LimitReached, Stopped):
        return
    choice = menu.choose(shown, collector.results)
    assert choice.index is None or 0 <= choice.index < len(collector.results)
