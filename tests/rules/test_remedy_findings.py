"""What each way out says on each distribution: all its steps, word by word."""

import pytest

from pvhready.facts import Distribution, Entry, Guest, Hook, Image, Kernel, Mount
from pvhready.rules import remedies

MENU = ("write the menu anew", "update-grub")
MENU_2 = ("write the menu anew", "grub2-mkconfig -o /boot/grub2/grub.cfg")
MENU_1 = ("write the menu anew", "grub-mkconfig -o /boot/grub/grub.cfg")
REBUILD = ("write the menu anew", "nixos-rebuild boot")
GRUBBY = "grubby --update-kernel=ALL "
SNIPPET = Entry(0, "0", "x", source="/boot/loader/entries/abc.conf:1")
ENTRY = Entry(0, "0", "x", source="/boot/grub2/grub.cfg:12")
GUESTS = {
    "debian": ("debian", "12"), "fedora": ("fedora", "40"), "fedora6": ("fedora", "6"), "rawhide": ("fedora", "rawhide"),
    "el6": ("centos", "6.10"), "el7": ("centos", "7"), "el8": ("rocky", "8.9"), "el9": ("almalinux", "9.4"),
    "suse": ("opensuse-leap", "15.6"), "arch": ("arch", None), "alpine": ("alpine", "3.20.3"), "gentoo": ("gentoo", None),
    "nixos": ("nixos", "24.05"), "other": ("slackware", "15"), "none": (None, None),
}


def guest(name):
    return Guest("PV", distribution=Distribution(*GUESTS[name]))


def steps(found):
    """All steps, each with what it is for and what is typed; advice has nothing to type."""
    assert all(remedy.type == ("command" if remedy.argv else "hint") for remedy in found)
    return [(remedy.text, " ".join(remedy.argv)) if remedy.argv else remedy.text for remedy in found]


@pytest.mark.parametrize("identity,like,expected", [
    ("debian", (), "debian"), ("kali", (), "debian"), ("ol", ("fedora",), "redhat"), ("cloudlinux", (), "redhat"),
    ("sles", ("suse",), "suse"),
    ("manjaro", ("arch",), "arch"), ("alpine", (), "alpine"), ("gentoo", (), "gentoo"), ("nixos", (), "nixos"),
    ("pop", ("ubuntu", "debian"), "debian"), ("x", ("y", "rhel"), "redhat"), ("x", ("y",), ""), (None, ("suse",), "suse"), (None, (), ""),
    ("", (), ""), ("arch", ("debian",), "arch"),  # what it is comes before what it is like
])
def test_the_family(identity, like, expected):
    assert remedies.family(Guest("PV", distribution=Distribution(identity, like=like))) == expected


@pytest.mark.parametrize("identity,version,expected", [
    ("debian", "12", 12), ("debian", "12.5", 12), ("debian", None, 0), ("debian", "", 0), ("debian", "trixie/sid", 0),
    ("debian", "\u00b2", 0),
    ("centos", "7.9.2009", 7), ("devuan", "4", 11), ("devuan", None, 0), ("devuan", "excalibur", 0), ("x", "1234567890", 123456789),
])
def test_the_major_version(identity, version, expected):
    assert remedies.release_number(Guest("PV", distribution=Distribution(identity, version))) == expected


SHOW = ("shows how it would be undone, file by file, and what to type then", "sudo pvhready undo")
REMOVE = "The hook belongs to the package kernel-pv: remove that package."


@pytest.mark.parametrize("name,package,expected", [
    ("fedora", "kernel-pv", [REMOVE, SHOW]), ("arch", "kernel-pv", [REMOVE, SHOW]), ("fedora", None, [SHOW]),
    ("debian", "kernel-pv", [SHOW]),  # dpkg-divert is among what undo shows
    ("none", "kernel-pv", [SHOW]),
])
def test_the_hack_is_undone(name, package, expected):
    assert steps(remedies.undo_hack(Hook("/etc/kernel/x", "form", True, package=package), guest(name))) == expected
    assert steps(remedies.undo_hack(None, guest(name))) == [SHOW]


AGAIN = "install the packaged image again"
DISABLE = AGAIN + " (disable any hook that decompresses it first)"
BACK = "Put the image of the kernel's package back in its place."
R = "6.1.0-9"


@pytest.mark.parametrize("name,path,release,package,expected", [
    ("debian", "vmlinuz-" + R, R, None, (DISABLE, "apt-get install --reinstall linux-image-6.1.0-9")),
    ("debian", "vmlinuz-" + R, R, "linux-image-own", (DISABLE, "apt-get install --reinstall linux-image-own")),
    ("debian", "vmlinuz", None, "linux-image-own", (DISABLE, "apt-get install --reinstall linux-image-own")),
    ("debian", "vmlinuz-" + R, R, "linux-binary-" + R, (DISABLE, "apt-get install --reinstall linux-binary-6.1.0-9 linux-image-6.1.0-9")),
    ("debian", "vmlinuz", None, None, BACK),
    ("fedora", "vmlinuz-" + R, R, None, (AGAIN, "dnf reinstall kernel-core-6.1.0-9")),
    ("rawhide", "vmlinuz-" + R, R, None, (AGAIN, "dnf reinstall kernel-core-6.1.0-9")),
    ("fedora6", "vmlinuz-" + R, R, None, (AGAIN, "dnf reinstall kernel-core-6.1.0-9")),
    ("el6", "vmlinuz-" + R, R, None, (AGAIN, "yum reinstall kernel-6.1.0-9")),
    ("el7", "vmlinuz-" + R, R, None, (AGAIN, "yum reinstall kernel-6.1.0-9")),
    ("el8", "vmlinuz-" + R, R, None, (AGAIN, "dnf reinstall kernel-core-6.1.0-9")),
    ("el7", "vmlinuz-" + R, R, "kernel-ml-6.1", (AGAIN, "yum reinstall kernel-ml-6.1")),
    ("el9", "vmlinuz", None, "kernel-core-6.1", (AGAIN, "dnf reinstall kernel-core-6.1")),
    ("el9", "vmlinuz", None, None, BACK),  # a package needs a name
    ("suse", "vmlinuz-" + R, R, None, (AGAIN, "zypper install --force kernel-default")),
    ("arch", "vmlinuz-linux-lts", R, None, (AGAIN, "pacman -S linux-lts")),
    ("arch", "vmlinuz-linux", R, "linux-zen", (AGAIN, "pacman -S linux-zen")),
    ("arch", "kernel", R, "linux-zen", (AGAIN, "pacman -S linux-zen")),
    ("arch", "kernel", R, None, BACK), ("arch", "vmlinuz", R, None, BACK),
    ("alpine", "vmlinuz-virt", R, None, (AGAIN, "apk fix linux-virt")),
    ("alpine", "vmlinuz-virt", R, "linux-lts", (AGAIN, "apk fix linux-lts")),
    ("alpine", "vmlinuz", R, "linux-lts", (AGAIN, "apk fix linux-lts")),
    ("alpine", "vmlinuz", R, None, BACK),
    ("nixos", "kernels/abc-bzImage", R, None, ("verify and repair the store", "nix-store --verify --check-contents --repair")),
    ("gentoo", "vmlinuz-" + R, R, None, BACK), ("none", "vmlinuz-" + R, R, None, BACK),
])
def test_the_packaged_image_again(name, path, release, package, expected):
    kernel = Kernel("/boot/" + path, Image(), release, package=package)
    assert steps(remedies.restore_image(kernel, guest(name))) == [expected]


def test_only_what_lacks_rights_is_read_again_by_root():
    assert steps(remedies.run_as_root("permission denied")) == [("run the check as root", "sudo pvhready check")]
    assert remedies.run_as_root("is a FIFO") == ()


CHECK = ("check again", "sudo pvhready check")
UNIT = Mount("/boot", "/dev/xvda1", "ext4", source="/etc/systemd/system/boot.mount:3")
LINE = Mount("/boot", "/dev/xvda1", "ext4", source="/etc/fstab:3")


@pytest.mark.parametrize("root,fstab,expected", [
    ("/", (), ("mount it", "mount /boot")), ("/", (LINE,), ("mount it", "mount /boot")),
    ("/", (UNIT,), ("mount it", "systemctl start boot.mount")),
    ("/", (LINE._replace(point="/"), UNIT._replace(point="/boot/")), ("mount it", "systemctl start boot.mount")),
    ("/", (UNIT._replace(point="/boot/efi"), LINE), ("mount it", "mount /boot")),
    ("/mnt/guest/", (UNIT,), "Mount the file system that the guest has for /boot at /mnt/guest/boot."),
])
def test_boot_is_mounted(root, fstab, expected):
    assert steps(remedies.mount_boot(root, fstab)) == [expected, CHECK]


def test_advice_on_the_loader():
    assert steps(remedies.choose_loader(64)) == ["In the provider's shell choose the 64-bit PV loader; at BitFolk: arch x86_64"]
    assert steps(remedies.choose_loader(32)) == ["In the provider's shell choose the 32-bit PV loader; at BitFolk: arch i386"]
    assert steps(remedies.readable_under_pv()) == [
        "Under PV, boot an older kernel whose payload is gzip or xz; under PVH this kernel needs nothing."]
    assert steps(remedies.insert_xzio()) == [
        'Where the host\'s GRUB has the module, "insmod xzio" in the entry reads it; Debian\'s host images have it built in.']


SED = "sed -i /^GRUB_CMDLINE_LINUX/s/\\(^[A-Z_]*=\\|[^[:alnum:]_=.,-]\\){}\\([^[:alnum:]_=.,-]\\|$\\)/\\1\\2/g /etc/default/grub"
TAKE = "take it from what the menu is made from"
ADD = ("add it to what the menu is made from", 'sed -i $ a GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=hvc0" /etc/default/grub')


@pytest.mark.parametrize("name,entry,added,removed", [
    ("debian", ENTRY, [ADD, MENU], [(TAKE, SED.format("nopv")), MENU]),
    ("fedora", ENTRY, [ADD, MENU_2], [(TAKE, SED.format("nopv")), MENU_2]),
    ("fedora", None, [ADD, MENU_2], [(TAKE, SED.format("nopv")), MENU_2]),
    ("debian", SNIPPET, [ADD, MENU], [(TAKE, SED.format("nopv")), MENU]),  # grubby is Red Hat's
    ("el9", SNIPPET, [("add it to every entry, and to those of kernels to come", GRUBBY + "--args=console=hvc0")],
     [("remove it from every entry", GRUBBY + "--remove-args=nopv")]),
    ("nixos", SNIPPET, ['In /etc/nixos/configuration.nix set: boot.kernelParams = [ "console=hvc0" ];', REBUILD],
     ["Remove 'nopv' from boot.kernelParams in /etc/nixos/configuration.nix.", REBUILD]),
])
def test_an_argument_is_added_and_taken_away(name, entry, added, removed):
    assert steps(remedies.add_console(guest(name), entry)) == added
    assert steps(remedies.remove_argument(guest(name), "nopv", entry)) == removed


@pytest.mark.parametrize("argument,pattern", [
    ("acpi=off", "acpi=off"), ("a_b,c-d9", "a_b,c-d9"), ("modprobe.x", "modprobe.x"), ("a*[/]\\$^", "a......."), ('"a b"', ".a.b."),
])
def test_what_sed_would_read_otherwise_is_any_character(argument, pattern):
    assert steps(remedies.remove_argument(guest("debian"), argument)) == [(TAKE, SED.format(pattern)), MENU]


@pytest.mark.parametrize("name,path,expected", [
    ("debian", None, "update-grub"), ("debian", "/boot/grub/grub.cfg", "update-grub"),
    ("debian", "/boot/grub2/grub.cfg", "grub-mkconfig -o /boot/grub2/grub.cfg"),
    ("fedora", None, "grub2-mkconfig -o /boot/grub2/grub.cfg"), ("suse", "/boot/grub/grub.cfg", "grub2-mkconfig -o /boot/grub/grub.cfg"),
    ("arch", None, "grub-mkconfig -o /boot/grub/grub.cfg"), ("none", None, "grub-mkconfig -o /boot/grub/grub.cfg"),
    ("nixos", "/boot/grub2/grub.cfg", "nixos-rebuild boot"),
])
def test_the_menu_anew(name, path, expected):
    assert steps(remedies.regenerate(guest(name), path)) == [("write the menu anew", expected)]


LIMIT = "Set installonly_limit=0 in /etc/dnf/dnf.conf (yum: /etc/yum.conf), so that no kernel is removed."
PURGE = "Add 6.1.0-9 to multiversion.kernels in /etc/zypp/zypp.conf, so that it is not purged."
MANUAL = ("keep autoremove from taking this kernel", "apt-mark manual linux-image-6.1.0-9")


@pytest.mark.parametrize("name,release,package,expected", [
    ("debian", R, "linux-image-" + R, [MANUAL]), ("debian", None, "linux-binary-{}:amd64".format(R), [MANUAL]), ("debian", R, None, []),
    ("fedora", R, "kernel-core-" + R, [LIMIT]), ("el7", None, None, [LIMIT]),
    ("suse", R, "kernel-default", [PURGE]), ("suse", R, None, [PURGE]), ("suse", None, "kernel-default", []),
    ("arch", R, "linux", []), ("none", R, "linux-image-" + R, []),
])
def test_a_kernel_is_kept(name, release, package, expected):
    assert steps(remedies.keep_kernel(guest(name), Kernel("/boot/vmlinuz", Image(), release, package=package))) == expected


def test_a_kernel_that_is_not_there_is_not_kept():
    assert [steps(remedies.keep_kernel(guest(name), None)) for name in ("debian", "suse", "fedora", "alpine")] == [[], [], [LIMIT], []]


def test_a_copy_is_moved_away():
    assert steps(remedies.move_copy("/boot/vmlinuz-1.bak")) == [("move the copy out of /boot", "mv /boot/vmlinuz-1.bak /root/")]


DEFAULT = "let the first entry be the default"


@pytest.mark.parametrize("name,saved,menu", [
    ("debian", "grub-set-default 0", MENU), ("fedora", "grub2-set-default 0", MENU_2), ("suse", "grub2-set-default 0", MENU_2),
    ("arch", "grub-set-default 0", MENU_1),
])
def test_the_first_entry_is_made_the_default(name, saved, menu):
    assert steps(remedies.default_to_first(guest(name), True)) == [(DEFAULT, saved)]
    assert steps(remedies.default_to_first(guest(name), False)) == [(DEFAULT, "sed -i $ a GRUB_DEFAULT=0 /etc/default/grub"), menu]


def test_the_kind_of_kernels_that_becomes_the_default():
    assert steps(remedies.keep_default_kind("kernel-ml")) == [(
        "let only new kernels of the kind that boots now become the default", "sed -i $ a DEFAULTKERNEL=kernel-ml /etc/sysconfig/kernel")]


FOLDER = ("make its folder", "mkdir -p /boot/grub")
TOOLS = "install the tools that write the menu"
BY_HAND = "GRUB legacy's menu.lst is not read: write /boot/grub/grub.cfg by hand, with a menuentry that names the kernel and initrd."
WRITE_2 = ("write the menu anew", "grub2-mkconfig -o /boot/grub/grub.cfg")


@pytest.mark.parametrize("name,expected", [
    ("debian", [(TOOLS, "apt-get install grub-pc-bin grub2-common"), FOLDER, MENU]),
    ("alpine", [(TOOLS, "apk add grub grub-bios"), FOLDER, MENU_1]),
    ("el6", [BY_HAND]), ("el7", [FOLDER, WRITE_2]), ("rawhide", [FOLDER, WRITE_2]), ("suse", [FOLDER, WRITE_2]),
    ("other", [FOLDER, MENU_1]), ("none", [FOLDER, MENU_1]),
    ("nixos", ['Set boot.loader.grub.enable = true and boot.loader.grub.device = "nodev".', REBUILD]),
])
def test_a_menu_where_there_is_none(name, expected):
    assert steps(remedies.write_config(guest(name), "/boot/grub/grub.cfg")) == expected


def test_a_version_below_7_is_no_matter_to_others_than_red_hat_s():
    alpine = Guest("PV", distribution=Distribution("alpine", "3"))
    assert steps(remedies.write_config(alpine, "/boot/grub/grub.cfg"))[0] == (TOOLS, "apk add grub grub-bios")


def test_entries_in_the_menu_itself():
    ask = ("ask for entries in grub.cfg itself", "sed -i $ a GRUB_ENABLE_BLSCFG=false /etc/default/grub")
    hosts = "Hosts whose GRUB reads entries from /boot/loader: fedora-41."
    assert steps(remedies.entries_in_config(guest("fedora"))) == [ask, MENU_2, hosts]
    assert steps(remedies.entries_in_config(guest("fedora"), "/boot/grub/grub.cfg")) == [ask, WRITE_2, hosts]


@pytest.mark.parametrize("command,path,generator,words,written", [
    ("linux16", None, 's/\\<linux16\\>/linux/; s/\\<initrd16\\>/initrd/; s/sixteenbit="16"/sixteenbit=""/',
     "s/\\<linux16\\>/linux/; s/\\<initrd16\\>/initrd/", "/boot/grub2/grub.cfg"),
    ("initrdefi", "/boot/x.cfg", "s/\\<linuxefi\\>/linux/; s/\\<initrdefi\\>/initrd/", "s/\\<linuxefi\\>/linux/; s/\\<initrdefi\\>/initrd/",
     "/boot/x.cfg"),
])
def test_plain_commands(command, path, generator, words, written):
    assert steps(remedies.plain_linux_command(guest("el7"), command, path)) == [
        ("let the generator write the plain commands", "sed -i {} /etc/grub.d/10_linux".format(generator)),
        ("let the menu have them", "sed -i {} {}".format(words, written))]


BUILD = "build the initramfs anew"
ASK = "ask for the module"
DRIVERS = (
    "ask for the module, now and for kernels to come",
    'sh -c echo "add_drivers+=\\" xen-blkfront \\"" >/etc/dracut.conf.d/xen-blkfront.conf')
FEATURE = (
    "make a feature of the module", 'sh -c echo "kernel/drivers/block/xen-blkfront.ko*" >/etc/mkinitfs/features.d/xen-blkfront.modules')
ASK_ALPINE = ("ask for the feature", 'sed -i $ a features="$features xen-blkfront" /etc/mkinitfs/mkinitfs.conf')
NIX = 'In configuration.nix set: boot.initrd.availableKernelModules = [ "xen-blkfront" ];'


@pytest.mark.parametrize("name,asked,built,built_all", [
    ("debian", [(ASK, "sed -i $ a xen-blkfront /etc/initramfs-tools/modules")], "update-initramfs -c -k 6.1", "update-initramfs -u -k all"),
    ("fedora", [DRIVERS], "dracut --force --kver 6.1", "dracut --force --regenerate-all"),
    ("suse", [DRIVERS], "dracut --force --kver 6.1", "dracut --force --regenerate-all"),
    ("arch", [(ASK, "sed -i $ a MODULES+=(xen-blkfront) /etc/mkinitcpio.conf")], "mkinitcpio -P", "mkinitcpio -P"),
    ("alpine", [FEATURE, ASK_ALPINE], "mkinitfs 6.1", "mkinitfs"),
])
def test_the_initramfs_anew(name, asked, built, built_all):
    assert steps(remedies.rebuild_initramfs(guest(name), "6.1", "xen_blkfront")) == asked + [(BUILD, built)]
    assert steps(remedies.rebuild_initramfs(guest(name), "6.1")) == [(BUILD, built)]
    assert steps(remedies.rebuild_initramfs(guest(name), None)) == [(BUILD, built_all)]


def test_the_initramfs_anew_where_no_command_does_it():
    assert steps(remedies.rebuild_initramfs(guest("nixos"), "6.1", "xen_blkfront")) == [NIX, REBUILD]
    assert steps(remedies.rebuild_initramfs(guest("nixos"), "6.1")) == [REBUILD]
    assert steps(remedies.rebuild_initramfs(guest("gentoo"), "6.1", "xen_blkfront")) == [
        "Build the initramfs anew with the module xen-blkfront."]
    assert steps(remedies.rebuild_initramfs(guest("gentoo"), "6.1")) == ["Build the initramfs anew."]


def test_a_file_system_of_alpine_s_is_a_feature_already():
    assert steps(remedies.rebuild_initramfs(guest("alpine"), "6.1", "ext4")) == [
        ("ask for the feature", 'sed -i $ a features="$features ext4" /etc/mkinitfs/mkinitfs.conf'), (BUILD, "mkinitfs 6.1")]


GZIP = "build it anew with gzip"


@pytest.mark.parametrize("name,release,expected", [
    ("debian", "6.1", [
        ("ask for gzip", "sed -i $ a COMPRESS=gzip /etc/initramfs-tools/initramfs.conf"), (BUILD, "update-initramfs -c -k 6.1")]),
    ("arch", None, [("ask for gzip", "sed -i $ a COMPRESSION=gzip /etc/mkinitcpio.conf"), (BUILD, "mkinitcpio -P")]),
    ("alpine", None, [("ask for gzip", "sed -i $ a initfscomp=gzip /etc/mkinitfs/mkinitfs.conf"), (BUILD, "mkinitfs")]),
    ("fedora", "6.1", [(GZIP, "dracut --force --gzip --kver 6.1")]), ("suse", None, [(GZIP, "dracut --force --gzip --regenerate-all")]),
    ("nixos", "6.1", ['In configuration.nix set: boot.initrd.compressor = "gzip";', REBUILD]),
    ("gentoo", "6.1", ["Build the initramfs anew, packed with gzip."]),
])
def test_the_initramfs_packed_with_gzip(name, release, expected):
    assert steps(remedies.repack_initramfs(guest(name), release)) == expected


@pytest.mark.parametrize("name,typed", [
    ("debian", "apt-get install zstd"), ("el7", "yum install zstd"), ("el8", "dnf install zstd"), ("suse", "zypper install zstd"),
    ("arch", "pacman -S zstd"), ("alpine", "apk add zstd"), ("nixos", None), ("none", None),
])
def test_a_tool_is_installed(name, typed):
    expected = ("install what reads it, then check again", typed) if typed else "Install zstd and run the check again."
    assert steps(remedies.install_package(guest(name), "zstd")) == [expected]


@pytest.mark.parametrize("identity,version,tool", [
    ("centos", "1", "yum"), ("amzn", "2", "yum"), ("centos", "7", "yum"), ("centos", "8", "dnf"), ("centos", None, "dnf"),
    ("fedora", "7", "dnf"),
])
def test_yum_is_all_that_old_releases_have(identity, version, tool):
    found = remedies.install_package(Guest("PV", distribution=Distribution(identity, version)), "zstd")
    assert found[0].argv == (tool, "install", "zstd")


@pytest.mark.parametrize("release,shown", [("6.1", "6.1"), (None, "RELEASE")])
def test_a_configuration_is_put_in_its_place(release, shown):
    assert steps(remedies.install_config(Kernel("/boot/vmlinuz", Image(), release))) == [
        "Put the kernel's configuration at /boot/config-{}.".format(shown),
        ("or name it", "pvhready image --config FILE /boot/vmlinuz")]
