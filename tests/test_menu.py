"""What the host's GRUB makes of a guest: grub.cfg as the distributions write it, grubenv, file systems, hosts."""

import os

import pytest

from pvhready.facts import Candidate, Mount, Problem, Storage
from pvhready.host import profile
from pvhready.probes.menu import read_menu
from pvhready.root import Denied, Root
from support.trees import grub_module

UUID = "0f9ef5d5-3c3b-4a5c-9d6a-6a8d3c1b2e70"
OTHER = "b7c7e1f0-91f5-4f0e-8f75-1f2d3c4b5a69"
CFG = "/boot/grub/grub.cfg"
ONE = Storage(fstab=(Mount("/", "UUID=" + UUID, "ext4"),))
SEPARATE = Storage(fstab=(Mount("/", "UUID=" + UUID, "xfs"), Mount("/boot", "UUID=" + OTHER, "ext4")))

MKCONFIG = """
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
if [ "${prev_saved_entry}" ]; then
  set saved_entry="${prev_saved_entry}"
  save_env saved_entry
  set prev_saved_entry=
  save_env prev_saved_entry
  set boot_once=true
fi
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod vbe
  fi
}
set timeout=5
"""
ENTRY = """menuentry '@TITLE@' --class gnu-linux --class os $menuentry_id_option '@ID@' {
	load_video
	insmod gzio
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	insmod ext2
	set root='hd0,msdos1'
	if [ x$feature_platform_search_hint = xy ]; then
		search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1 --hint='hd0,msdos1'  @UUID@
	else
		search --no-floppy --fs-uuid --set=root @UUID@
	fi
	echo	'Loading Linux ...'
	linux	@PREFIX@vmlinuz-@RELEASE@ root=UUID=@ROOT@ ro  quiet console=hvc0
	initrd	@PREFIX@initrd.img-@RELEASE@
}
"""


def entry(title, name, release, uuid=UUID, prefix="/boot/"):
    text = ENTRY
    for mark, value in (("TITLE", title), ("ID", name), ("UUID", uuid), ("PREFIX", prefix), ("RELEASE", release), ("ROOT", UUID)):
        text = text.replace("@{}@".format(mark), value)
    return text


def debian(default="0", uuid=UUID, prefix="/boot/", releases=("6.1.0-2", "6.1.0-1")):
    text = MKCONFIG.replace("DEFAULT", default) + entry("Debian", "simple", releases[0], uuid, prefix)
    text += "submenu 'Advanced options' $menuentry_id_option 'advanced' {\n"
    for release in releases:
        text += entry("Debian, with Linux " + release, "id-" + release, release, uuid, prefix)
    return text + "}\nif [ -f  ${config_directory}/custom.cfg ]; then\n  source ${config_directory}/custom.cfg\nfi\n"


def grubenv(**values):
    text = "# GRUB Environment Block\n" + "".join("{}={}\n".format(*item) for item in values.items())
    return text + "#" * (1024 - len(text))


def kernels(*releases):
    files = {}
    for release in releases:
        files.update({"/boot/vmlinuz-" + release: "kernel", "/boot/initrd.img-" + release: "initramfs"})
    return files


@pytest.fixture
def read(tmp_path):
    """Write files and read the menu from them."""

    def made(files, host="debian-12", platform="xen_pvh", storage=ONE, booted=False):
        for path, text in files.items():
            name = str(tmp_path) + path
            os.makedirs(os.path.dirname(name), exist_ok=True)
            if isinstance(text, Link):
                os.symlink(text.target, name)
                continue
            with open(name, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        with Root(str(tmp_path)) as root:
            return read_menu(root, profile(host), platform, storage, booted=booted)

    return made


class Link:
    """A symbolic link among the files."""

    def __init__(self, target):
        self.target = target


def chosen(menu):
    assert len(menu.candidates) == 1, menu
    return menu.entries[menu.candidates[0].index]


KERNELS = kernels("6.1.0-2", "6.1.0-1")


def test_debian(read):
    menu = read(dict(KERNELS, **{CFG: debian()}))
    assert [(entry.index, entry.path, entry.title, entry.id) for entry in menu.entries] == [
        (0, "0", "Debian", "simple"), (1, "1>0", "Debian, with Linux 6.1.0-2", "id-6.1.0-2"), (2, "1>1", "Debian, with Linux 6.1.0-1",
        "id-6.1.0-1"),
    ]
    entry = chosen(menu)
    assert entry.kernel == "/boot/vmlinuz-6.1.0-2"
    assert entry.initrd == ("/boot/initrd.img-6.1.0-2",)
    assert entry.cmdline == "root=UUID={} ro quiet console=hvc0".format(UUID)
    assert entry.modules == ("all_video", "gzio", "ext2")
    assert entry.errors == ()
    assert entry.source == "/boot/grub/grub.cfg:{}".format(debian().split("menuentry '")[0].count("\n") + 1)
    assert (menu.config, menu.problem, menu.reason, menu.assumptions, menu.waits) == (CFG, None, "default-index", (), False)


@pytest.mark.parametrize("default, index, reason", [
    ("0", 0, "default-index"), ("1>1", 2, "default-index"), ("advanced>id-6.1.0-1", 2, "default-id"),
    ("Advanced options>Debian, with Linux 6.1.0-1", 2, "default-title"), ("simple", 0, "default-id"), ("1", 1, "default-index"),
    ("gone", 0, "first-entry"),
])
def test_default(read, default, index, reason):
    assert read(dict(KERNELS, **{CFG: debian(default)})).candidates == (Candidate(index, reason),)


def test_xzio_is_inserted_under_pv(read):
    files = dict(KERNELS, **{CFG: debian()})
    assert chosen(read(files, "upstream-2.06", "xen-x86_64")).modules == ("all_video", "gzio", "lzopio", "ext2")
    module = grub_module().decode("utf-8", "surrogateescape")
    files.update(("/boot/grub/x86_64-xen/{}.mod".format(name), module) for name in ("xzio", "crypto"))
    assert chosen(read(files, "upstream-2.06", "xen-x86_64")).modules == ("all_video", "gzio", "xzio", "lzopio", "ext2")


SAVED = dict(KERNELS, **{CFG: debian("${saved_entry}"), "/boot/grub/grubenv": grubenv(saved_entry="advanced>id-6.1.0-1")})


@pytest.mark.parametrize("host, expected", [
    ("debian-12", (Candidate(0, "first-entry"),)),
    ("upstream-2.06", (Candidate(2, "saved_entry"),)),
    ("bitfolk", (
        Candidate(2, "saved_entry", "if the host's GRUB reads the guest's grubenv"),
        Candidate(0, "first-entry", "if the host's GRUB does not read the guest's grubenv"),
    )),
])
def test_saved_entry(read, host, expected):
    assert read(SAVED, host).candidates == expected


def test_next_entry(read):
    files = dict(SAVED, **{"/boot/grub/grubenv": grubenv(saved_entry="simple", next_entry="1>1")})
    assert read(files, "upstream-2.06").candidates == (Candidate(2, "next_entry"),)


def test_both_ways_agree(read):
    files = dict(SAVED, **{"/boot/grub/grubenv": grubenv(saved_entry="simple")})
    assert read(files, "bitfolk").candidates == (Candidate(0, "saved_entry"),)


def test_a_missing_kernel(read):
    files = dict(KERNELS, **{CFG: debian()})
    del files["/boot/vmlinuz-6.1.0-2"]
    entry = chosen(read(files))
    assert entry.kernel == "/boot/vmlinuz-6.1.0-2"
    assert [(error.text, error.fatal) for error in entry.errors] == [
        ("file `/boot/vmlinuz-6.1.0-2' not found.", True), ("you need to load the kernel first.", True),
    ]


def test_fallback(read):
    files = dict(KERNELS, **{CFG: "set fallback='1 2'\n" + debian()})
    del files["/boot/vmlinuz-6.1.0-2"]
    menu = read(files)
    # The submenu's first entry needs the missing kernel too, and there is no third line in the menu.
    assert (menu.candidates, menu.fallbacks) == ((Candidate(0, "default-index"),), (1,))
    files[CFG] = files[CFG] + entry("Other", "other", "6.1.0-1")
    menu = read(files)
    assert (menu.candidates, menu.fallbacks, menu.broken) == ((Candidate(3, "fallback"),), (1, 3), (0, 1))
    files[CFG] = "set default=1\n" + entry("a", "a", "6.1.0-1") + "submenu s {\nset fallback=1\n" + entry("b", "b", "6.1.0-2") + entry(
        "c", "c", "6.1.0-1") + "}\n"
    menu = read(files)
    assert (menu.candidates, menu.broken) == ((Candidate(2, "default-index"),), (1,))


UBUNTU = """
function recordfail {
  set recordfail=1
  if [ -n "${have_grubenv}" ]; then if [ -z "${boot_once}" ]; then save_env recordfail; fi; fi
}
if [ "${recordfail}" = 1 ] ; then
  set timeout=30
else
  set timeout_style=hidden
  set timeout=0
fi
if [ "$grub_platform" = "efi" ]; then set timeout=30; fi
set menu_color_normal=white/black
function gfxmode {
	set gfxpayload="${1}"
	if [ "${1}" = "keep" ]; then
		set vt_handoff=vt.handoff=1
	else
		set vt_handoff=
	fi
}
if [ "${recordfail}" != 1 ]; then
  if [ -e ${prefix}/gfxblacklist.txt ]; then
    if hwmatch ${prefix}/gfxblacklist.txt 3; then
      if [ ${match} = 0 ]; then set linux_gfx_mode=keep; else set linux_gfx_mode=text; fi
    else
      set linux_gfx_mode=text
    fi
  else
    set linux_gfx_mode=keep
  fi
else
  set linux_gfx_mode=text
fi
export linux_gfx_mode
menuentry 'Ubuntu' --class ubuntu $menuentry_id_option 'simple' {
	recordfail
	load_video
	gfxmode $linux_gfx_mode
	insmod gzio
	search --no-floppy --fs-uuid --set=root @UUID@
	linux	/boot/vmlinuz-4.15.0-213-generic root=UUID=@UUID@ ro  console=hvc0 $vt_handoff
	initrd	/boot/initrd.img-4.15.0-213-generic
}
menuentry 'Memory test' {
	linux16	/boot/memtest86+.bin
}
""".replace("@UUID@", UUID)


def test_ubuntu(read):
    files = dict(kernels("4.15.0-213-generic"), **{CFG: MKCONFIG.replace("DEFAULT", "0") + UBUNTU,
        "/boot/grub/grubenv": grubenv(recordfail="1")})
    menu = read(files, "bitfolk")
    assert len(menu.candidates) == 2
    # recordfail in grubenv changes the timeout and the mode of the screen, and with it the command line.
    assert [menu.entries[candidate.index].cmdline for candidate in menu.candidates] == [
        "root=UUID={} ro console=hvc0".format(UUID), "root=UUID={} ro console=hvc0 vt.handoff=1".format(UUID)]
    files["/boot/grub/grubenv"] = grubenv()
    assert chosen(read(files, "bitfolk")).cmdline == "root=UUID={} ro console=hvc0 vt.handoff=1".format(UUID)


CENTOS7 = MKCONFIG.replace("DEFAULT", "${saved_entry}") + """
menuentry 'CentOS Linux (3.10.0-1160.el7.x86_64) 7 (Core)' --class centos --unrestricted $menuentry_id_option 'gnulinux-a' {
	load_video
	set gfxpayload=keep
	insmod gzio
	insmod xfs
	set root='hd0,msdos1'
	search --no-floppy --fs-uuid --set=root OTHER
	linux16 /vmlinuz-3.10.0-1160.el7.x86_64 root=/dev/mapper/centos-root ro crashkernel=auto LANG=en_US.UTF-8
	initrd16 /initramfs-3.10.0-1160.el7.x86_64.img
}
menuentry 'CentOS Linux (6.9.7-1.el7.elrepo.x86_64) 7 (Core)' --class centos --unrestricted $menuentry_id_option 'gnulinux-b' {
	search --no-floppy --fs-uuid --set=root OTHER
	linux16 /vmlinuz-6.9.7-1.el7.elrepo.x86_64 root=/dev/mapper/centos-root ro console=hvc0
	initrd16 /initramfs-6.9.7-1.el7.elrepo.x86_64.img
}
""".replace("OTHER", OTHER)
CENTOS7_FILES = {
    "/boot/grub2/grub.cfg": CENTOS7, "/boot/grub2/grubenv": grubenv(saved_entry="CentOS Linux (6.9.7-1.el7.elrepo.x86_64) 7 (Core)"),
    "/boot/vmlinuz-3.10.0-1160.el7.x86_64": "k", "/boot/initramfs-3.10.0-1160.el7.x86_64.img": "i",
    "/boot/vmlinuz-6.9.7-1.el7.elrepo.x86_64": "k", "/boot/initramfs-6.9.7-1.el7.elrepo.x86_64.img": "i",
}


def test_centos_7_with_its_own_boot(read):
    menu = read(CENTOS7_FILES, "bitfolk", storage=SEPARATE)
    assert [(candidate.index, candidate.reason) for candidate in menu.candidates] == [(1, "saved_entry"), (0, "first-entry")]
    entry = menu.entries[1]
    assert entry.kernel == "/boot/vmlinuz-6.9.7-1.el7.elrepo.x86_64"
    assert entry.initrd == ("/boot/initramfs-6.9.7-1.el7.elrepo.x86_64.img",)
    assert [(error.command, error.fatal) for error in entry.errors] == [("linux16", None), ("initrd16", None)]


def test_centos_7_where_the_host_lacks_linux16(read):
    menu = read(dict(CENTOS7_FILES, **{CFG: CENTOS7}), "upstream-2.06", storage=SEPARATE)
    assert [error.text for error in chosen(menu).errors] == ["can't find command `linux16'.", "can't find command `initrd16'."]
    assert [(error.command, error.fatal) for error in chosen(menu).errors] == [("linux16", True), ("initrd16", True)]
    assert chosen(menu).kernel == "/boot/vmlinuz-3.10.0-1160.el7.x86_64"
    assert chosen(menu).initrd == ("/boot/initramfs-3.10.0-1160.el7.x86_64.img",)
    assert chosen(menu).cmdline == "root=/dev/mapper/centos-root ro crashkernel=auto LANG=en_US.UTF-8"
    assert "/boot/grub2/grub.cfg" in menu.elsewhere


MISSING = "set timeout=0\nset fallback=1\nmenuentry a { %s /boot/vmlinuz-6.1.0-1 x=1; %s /boot/initrd.img-6.1.0-1; }\n" \
    "menuentry b { linux /boot/vmlinuz-6.1.0-2; }\n"


@pytest.mark.parametrize("linux, initrd", [("linux16", "initrd16"), ("linuxefi", "initrdefi")])
def test_the_fallback_of_an_entry_whose_command_is_missing(read, linux, initrd):
    menu = read(dict(KERNELS, **{CFG: MISSING % (linux, initrd)}))
    assert menu.candidates == (Candidate(1, "fallback"),)
    entry = menu.entries[0]
    assert (entry.kernel, entry.initrd, entry.cmdline) == ("/boot/vmlinuz-6.1.0-1", ("/boot/initrd.img-6.1.0-1",), "x=1")
    assert [(error.command, error.fatal) for error in entry.errors] == [(linux, True), (initrd, True)]


def test_a_missing_command_after_a_kernel_is_loaded(read):
    text = "set timeout=0\nmenuentry a {\nlinux /boot/vmlinuz-6.1.0-1 x=1\nlinuxefi /boot/vmlinuz-6.1.0-2 x=2\n}\n"
    entry = chosen(read(dict(KERNELS, **{CFG: text})))
    assert (entry.kernel, entry.cmdline) == ("/boot/vmlinuz-6.1.0-1", "x=1")


def test_a_chainloader_is_no_kernel(read):
    entry = chosen(read(dict(KERNELS, **{CFG: "set timeout=0\nmenuentry a { chainloader +1; }\n"})))
    assert entry.kernel is None
    assert [(error.command, error.fatal) for error in entry.errors] == [("chainloader", True)]


@pytest.mark.parametrize("platform, texts", [
    ("xen_pvh", ["no multiboot header found.", "you need to load the kernel first."]), ("xen-x86_64", []),
])
def test_multiboot(read, platform, texts):
    text = MISSING % ("multiboot", "module")
    menu = read(dict(KERNELS, **{CFG: text}), platform=platform)
    entry = menu.entries[0]
    assert (entry.kernel, entry.initrd, entry.cmdline) == ("/boot/vmlinuz-6.1.0-1", ("/boot/initrd.img-6.1.0-1",), "x=1")
    assert [error.text for error in entry.errors] == texts
    assert all(error.fatal for error in entry.errors)
    assert menu.candidates == ((Candidate(1, "fallback") if texts else Candidate(0, "first-entry")),)


def test_whether_another_file_is_a_multiboot_kernel_is_not_known(read):
    text = "set timeout=0\nmenuentry a { multiboot /boot/xen.gz; module /boot/vmlinuz-6.1.0-1; }\n"
    entry = chosen(read(dict(KERNELS, **{CFG: text, "/boot/xen.gz": "x"})))
    assert [error.fatal for error in entry.errors] == [None]


@pytest.mark.parametrize("platform, two", [("xen_pvh", ""), ("xen_pvh", "2"), ("xen-x86_64", ""), ("xen-x86_64", "2")])
def test_the_modules_of_a_hypervisor(read, platform, two):
    text = "set timeout=0\nmenuentry a {{\nmultiboot{0} /boot/xen.gz placeholder x=1\nmodule{0} /boot/vmlinuz-6.1.0-1 placeholder y=2\n" \
        "module{0} --nounzip /boot/initrd.img-6.1.0-1\n}}\n"
    menu = read(dict(KERNELS, **{CFG: text.format(two), "/boot/xen.gz": "x"}), platform=platform)
    found = menu.entries[0]
    assert (found.kernel, found.cmdline) == ("/boot/xen.gz", "placeholder x=1")
    assert found.initrd == ("/boot/vmlinuz-6.1.0-1", "/boot/initrd.img-6.1.0-1")


def test_centos_7_where_the_host_has_linux16(read):
    menu = read(CENTOS7_FILES, "bitfolk+linux16+initrd16", storage=SEPARATE)
    assert [entry.errors for entry in menu.entries] == [(), ()]


def test_a_command_that_the_host_may_lack_and_a_fallback(read):
    text = "set timeout=0\nset fallback=1\nmenuentry a { linux16 /boot/vmlinuz-6.1.0-1; }\nmenuentry b { linux /boot/vmlinuz-6.1.0-2; }\n"
    menu = read(dict(KERNELS, **{CFG: text}), "bitfolk")
    assert menu.candidates == (
        Candidate(0, "first-entry", "if the host's GRUB has the command linux16"),
        Candidate(1, "fallback", "if the host's GRUB lacks the command linux16"),
    )


BLS = {
    "/boot/grub2/grub.cfg": (
        "if [ -f ${config_directory}/grubenv ]; then\n  load_env -f ${config_directory}/grubenv\n"
        "elif [ -s $prefix/grubenv ]; then\n  load_env\nfi\n"
        'set default="${saved_entry}"\nset timeout=5\nset kernelopts="root=UUID=%s ro console=hvc0"\n'
        "search --no-floppy --fs-uuid --set=root %s\nset boot=$root\ninsmod blscfg\nblscfg\n" % (UUID, UUID)
    ),
    "/boot/grub2/grubenv": grubenv(saved_entry="0123-5.14.0-70.el9.x86_64"),
}
for _release in ("5.14.0-70.el9.x86_64", "5.14.0-162.el9.x86_64", "5.14.0-9.el9.x86_64"):
    BLS["/boot/loader/entries/0123-{}.conf".format(_release)] = (
        "title Linux ({0})\nversion {0}\nlinux /boot/vmlinuz-{0}\ninitrd /boot/initramfs-{0}.img $tuned_initrd\n"
        "options $kernelopts quiet $tuned_params\n"
        "grub_users $grub_users\ngrub_arg --unrestricted\n".format(_release)
    )
    BLS["/boot/vmlinuz-" + _release] = BLS["/boot/initramfs-{}.img".format(_release)] = "x"


def test_boot_loader_specification(read):
    menu = read(BLS, "fedora-41")
    assert menu.uses_blscfg
    assert [entry.kernel for entry in menu.entries] == [
        "/boot/vmlinuz-5.14.0-162.el9.x86_64", "/boot/vmlinuz-5.14.0-70.el9.x86_64", "/boot/vmlinuz-5.14.0-9.el9.x86_64"]
    entry = chosen(menu)
    assert (entry.id, entry.cmdline) == ("0123-5.14.0-70.el9.x86_64", "root=UUID={} ro console=hvc0 quiet".format(UUID))
    assert entry.initrd == ("/boot/initramfs-5.14.0-70.el9.x86_64.img",)
    assert entry.source == "/boot/loader/entries/0123-5.14.0-70.el9.x86_64.conf:1"


def snippets(files):
    tree = {"/boot/grub2/grub.cfg": BLS["/boot/grub2/grub.cfg"]}
    for name, text in files.items():
        lines = ("title Linux " + name, "linux /boot/vmlinuz", "initrd /boot/initrd", text)
        tree["/boot/loader/entries/{}.conf".format(name)] = "\n".join(lines)
    return dict(tree, **{"/boot/vmlinuz": "k", "/boot/initrd": "i"})


@pytest.mark.parametrize("names", [
    ["m-6.12.4-200.fc41.x86_64", "m-6.12.4-100.fc41.x86_64", "m-6.11.10-300.fc41.x86_64", "m-6.9.1-1.fc41.x86_64", "m-0-rescue"],
    ["m2-5.14.0-1.el9.x86_64", "m1-6.1.0-1.el9.x86_64"],  # another machine's id counts before the version
    ["m-6.11.0-63.x86_64+debug", "m-6.11.0-63.x86_64", "m-6.11.0-63~rc1.x86_64"],
    ["m-10-1", "m-9-2", "m-9-1.1", "m-9-1", "m-9-a", "m-9", "m"],
])
def test_the_order_of_boot_loader_specification_entries(read, names):
    # The key ``version`` is not looked at.
    files = snippets({name: "version {}\n".format(number) for number, name in enumerate(sorted(names))})
    assert [entry.id for entry in read(files, "fedora-41").entries] == names


@pytest.mark.parametrize("options, cmdline", [
    ("options $kernelopts", "root=UUID={} ro console=hvc0".format(UUID)), ("options $nosuch", "root=default"), ("", "root=default"),
    ("options a $nosuch b", "a b"), ("options root=x $tuned_params", "root=x"),
])
def test_the_options_of_a_boot_loader_specification_entry(read, options, cmdline):
    files = snippets({"m-1-1": options + "\n"})
    files["/boot/grub2/grub.cfg"] = "set default_kernelopts='root=default'\n" + files["/boot/grub2/grub.cfg"]
    assert chosen(read(files, "fedora-41")).cmdline == cmdline


def test_a_directory_of_boot_loader_specification_entries_that_is_empty(read, tmp_path):
    (tmp_path / "loader" / "entries").mkdir(parents=True)
    assert read(snippets({"m-1-1": ""}), "fedora-41").reason == "no-entries"


@pytest.mark.parametrize("host", ["fedora-41", "bitfolk"])
def test_no_boot_loader_specification_entries(read, host):
    menu = read({"/boot/grub2/grub.cfg": BLS["/boot/grub2/grub.cfg"]}, host)
    assert (menu.reason, menu.candidates) == ("no-entries", ())
    assert menu.problem == Problem("/boot/loader/entries", "no boot loader specification entries in /boot/loader/entries")


def test_no_entries_where_the_host_lacks_blscfg(read):
    menu = read(BLS, "debian-12")
    assert menu.reason == "no-config"
    menu = read(dict(BLS, **{CFG: BLS["/boot/grub2/grub.cfg"]}), "debian-12")
    assert (menu.entries, menu.candidates, menu.reason, menu.uses_blscfg) == ((), (), "no-entries", True)
    assert [error.command for error in menu.errors] == ["blscfg"]


def test_entries_where_it_is_not_known_whether_the_host_has_blscfg(read):
    menu = read(BLS, "bitfolk")
    assert len(menu.entries) == 3
    assert [candidate.condition for candidate in menu.candidates] == ["if the host's GRUB has the command blscfg"]


def test_opensuse_on_btrfs(read):
    text = MKCONFIG.replace("DEFAULT", "0") + (
        "set btrfs_relative_path=\"yes\"\nexport btrfs_relative_path\n" + entry("openSUSE", "simple", "6.4.0-150600-default") +
        "if [ -f \"${config_directory}/snapshot.cfg\" ]; then\n  source \"${config_directory}/snapshot.cfg\"\nfi\n")
    storage = Storage(fstab=(Mount("/", "UUID=" + UUID, "btrfs", "subvol=/@"), Mount("/home", "UUID=" + UUID, "btrfs", "subvol=/@/home")))
    menu = read(dict(kernels("6.4.0-150600-default"), **{"/boot/grub2/grub.cfg": text}), "bitfolk", storage=storage)
    assert chosen(menu).kernel == "/boot/vmlinuz-6.4.0-150600-default"
    assert menu.assumptions


BTRFS = Storage(fstab=(Mount("/", "UUID=" + UUID, "btrfs", "defaults,subvol=@"), Mount("/home", "UUID=" + UUID, "btrfs", "subvol=@home")))
UBUNTU_BTRFS = dict(KERNELS, **{CFG: debian(prefix="/@/boot/")})


def test_ubuntu_on_btrfs(read):
    menu = read(UBUNTU_BTRFS, storage=BTRFS, booted=True)
    assert chosen(menu).kernel == "/boot/vmlinuz-6.1.0-2"
    assert (chosen(menu).errors, menu.may_show_nothing) == ((), False)
    assert menu.assumptions == ("/boot/grub/grub.cfg is taken to be found in its btrfs subvolume: the host has started this guest",)


DEFAULT_SUBVOLUME = Storage(fstab=(Mount("/", "UUID=" + UUID, "btrfs"), Mount("/home", "UUID=" + UUID, "btrfs", "subvol=/@/home")))


@pytest.mark.parametrize("storage", [BTRFS, DEFAULT_SUBVOLUME])
def test_btrfs_where_the_host_does_not_look_into_subvolumes(read, storage):
    menu = read(UBUNTU_BTRFS, storage=storage)
    assert (menu.reason, menu.candidates, menu.elsewhere) == ("no-config", (), (CFG,))
    assert menu.problem.path == CFG
    assert "btrfs subvolume" in menu.problem.reason


@pytest.mark.parametrize("host", ["bitfolk", "upstream-2.12"])
def test_btrfs_where_it_is_not_known_whether_the_host_looks_into_subvolumes(read, host):
    menu = read(UBUNTU_BTRFS, host, storage=BTRFS)
    assert [candidate.condition for candidate in menu.candidates] == ["if the host's GRUB looks into btrfs subvolume @"]
    assert menu.may_show_nothing
    assert menu.assumptions == ("it is not known whether the host's GRUB looks into btrfs subvolumes",)


def test_btrfs_without_subvolumes_and_one_that_is_called_boot(read):
    storage = Storage(fstab=(Mount("/", "UUID=" + UUID, "btrfs"),))
    assert chosen(read(dict(KERNELS, **{CFG: debian()}), storage=storage)).errors == ()
    storage = Storage(fstab=(Mount("/", "UUID=" + UUID, "btrfs", "subvol=@"), Mount("/boot", "UUID=" + UUID, "btrfs", "subvol=boot")))
    menu = read({}, storage=storage)
    assert (chosen(menu).kernel, chosen(menu).errors, menu.assumptions) == ("/boot/vmlinuz-6.1.0-2", (), ())


NIXOS = """
search --set=drive1 --fs-uuid UUID
search --set=drive2 --fs-uuid UUID
if [ -s $prefix/grubenv ]; then
  load_env
fi
set default=0
set timeout=5
function savedefault {
    if [ -z "${boot_once}"]; then
        saved_entry="${chosen}"
        save_env saved_entry
    fi
}
insmod part_gpt
menuentry "NixOS - Default" --class nixos --unrestricted {
search --set=drive1 --fs-uuid UUID
  linux ($drive1)/nix/store/abc-linux-6.6.1/bzImage init=/nix/store/def-nixos/init console=hvc0
  initrd ($drive1)/nix/store/ghi-initrd/initrd
}
submenu "NixOS - All configurations" --class submenu {
menuentry "NixOS - Configuration 2" --class nixos {
search --set=drive1 --fs-uuid UUID
  linux ($drive1)/nix/store/abc-linux-6.6.1/bzImage init=/nix/store/old-nixos/init
  initrd ($drive1)/nix/store/ghi-initrd/initrd
}
}
""".replace("UUID", UUID)


def test_nixos(read):
    files = {CFG: NIXOS, "/nix/store/abc-linux-6.6.1/bzImage": "k", "/nix/store/ghi-initrd/initrd": "i"}
    entry = chosen(read(files))
    assert (entry.kernel, entry.cmdline) == ("/nix/store/abc-linux-6.6.1/bzImage", "init=/nix/store/def-nixos/init console=hvc0")
    assert entry.initrd == ("/nix/store/ghi-initrd/initrd",)
    assert entry.errors == ()


def test_gentoo_with_microcode(read):
    text = MKCONFIG.replace("DEFAULT", "0") + entry("Gentoo", "simple", "6.6.30-gentoo").replace(
        "initrd\t/boot/", "initrd\t/boot/amd-uc.img /boot/")
    files = dict(kernels("6.6.30-gentoo"), **{CFG: text, "/boot/amd-uc.img": "microcode"})
    assert chosen(read(files)).initrd == ("/boot/amd-uc.img", "/boot/initrd.img-6.6.30-gentoo")


# File systems

def test_a_boot_of_its_own(read):
    entry = chosen(read(dict(KERNELS, **{CFG: debian(uuid=OTHER, prefix="/")}), storage=SEPARATE))
    assert (entry.kernel, entry.errors) == ("/boot/vmlinuz-6.1.0-2", ())


SEPARATE_MENU = debian(uuid=OTHER, prefix="/")
TAKEN = "/boot is taken for the file system of its own that /etc/fstab speaks of, although none is mounted here"


@pytest.mark.parametrize("target, errors", [
    ("vmlinuz", 0), ("./grub/../vmlinuz", 0), ("../usr/vmlinuz", 1), ("/usr/vmlinuz", 1), ("../boot/vmlinuz", 1), ("/boot/vmlinuz", 1),
    ("nosuch", 1), ("top/vmlinuz", 1),
])
def test_links_that_leave_the_file_system(read, target, errors):
    files = {CFG: SEPARATE_MENU, "/boot/vmlinuz-6.1.0-2": Link(target), "/boot/vmlinuz": "k", "/usr/vmlinuz": "k",
             "/boot/top": Link("/usr"), "/boot/initrd.img-6.1.0-2": "i"}
    found = chosen(read(files, storage=SEPARATE)).errors
    assert [error.text for error in found][:errors] == ["file `/vmlinuz-6.1.0-2' not found."] * errors
    assert bool(found) == bool(errors)
    assert all(error.fatal for error in found)


def test_a_link_that_leads_elsewhere_in_grub_is_not_known(read):
    files = {CFG: SEPARATE_MENU, "/boot/vmlinuz-6.1.0-2": Link("/vmlinuz"), "/boot/vmlinuz": "k", "/vmlinuz": "k",
             "/boot/initrd.img-6.1.0-2": "i"}
    error = chosen(read(files, storage=SEPARATE)).errors[0]
    assert error.fatal is None
    assert "symbolic links lead elsewhere" in error.text


def test_links_on_one_file_system(read):
    files = {CFG: debian(), "/boot/vmlinuz-6.1.0-2": Link("../usr/vmlinuz"), "/usr/vmlinuz": "k",
             "/boot/initrd.img-6.1.0-2": Link("/usr/vmlinuz")}
    assert chosen(read(files)).errors == ()


def test_links_in_a_subvolume(read):
    files = {CFG: debian(prefix="/@/boot/"), "/boot/vmlinuz-6.1.0-2": Link("/usr/vmlinuz"), "/usr/vmlinuz": "k",
             "/boot/initrd.img-6.1.0-2": Link("../usr/vmlinuz"), "/boot/vmlinuz-6.1.0-1": Link("/@/usr/vmlinuz")}
    menu = read(files, storage=BTRFS, booted=True)
    assert [error.text for error in chosen(menu).errors] == [
        "file `/@/boot/vmlinuz-6.1.0-2' not found.", "you need to load the kernel first."]


def test_a_configuration_that_is_a_link_out_of_its_file_system(read):
    menu = read(dict(KERNELS, **{CFG: Link("/etc/grub.cfg"), "/etc/grub.cfg": SEPARATE_MENU}), storage=SEPARATE)
    assert (menu.reason, menu.candidates) == ("no-config", ())
    assert menu.problem == Problem(CFG, "its symbolic links leave its file system, which GRUB cannot follow")


@pytest.mark.parametrize("host, taken", [("debian-12", False), ("bitfolk", True), ("upstream-2.06", True)])
def test_a_host_whose_paths_are_meant_with_boot_mounted(read, host, taken):
    menu = read(dict(KERNELS, **{CFG: SEPARATE_MENU}), host, storage=SEPARATE)
    assert chosen(menu).errors == ()
    assert any("/boot of its own" in text for text in menu.assumptions) == taken


@pytest.mark.parametrize("host", ["debian-12", "bitfolk"])
def test_boot_within_boot(read, host):
    assert read(dict(KERNELS, **{"/boot/boot/grub/grub.cfg": debian()}), host).reason == "no-config"
    assert read({}, host, storage=SEPARATE).config == "/boot/boot/grub/grub.cfg"


def test_boot_that_is_there_once_more_in_boot(read):
    menu = read(dict(KERNELS, **{CFG: SEPARATE_MENU, "/boot/boot": Link(".")}), storage=SEPARATE)
    assert (menu.config, chosen(menu).errors) == (CFG, ())


HIDDEN = (
    "the file system of / is taken to have no /boot/grub/grub.cfg of its own, hidden below /boot: the host's GRUB would take that first")


def test_what_lies_below_a_boot_that_is_not_mounted(read):
    menu = read(dict(KERNELS, **{CFG: SEPARATE_MENU}), storage=SEPARATE)
    assert TAKEN in menu.assumptions  # a tree that was unpacked
    live = SEPARATE._replace(mounts=(Mount("/", "UUID=" + UUID, "xfs"),))
    menu = read({}, storage=live)
    assert (menu.reason, menu.problem) == ("unreadable", Problem("/boot", "a file system of its own that is not mounted here"))
    menu = read({}, storage=live._replace(mounts=live.mounts + (Mount("/boot", "UUID=" + OTHER, "ext4"),)))
    assert (chosen(menu).errors, menu.assumptions) == ((), (HIDDEN,))


def test_kernels_below_a_boot_that_is_not_mounted(read):
    assert read(KERNELS, storage=SEPARATE).problem == Problem("/boot", "a file system of its own that is not mounted here")


def test_a_live_root_that_fstab_does_not_name(read):
    storage = Storage(uuids={UUID: "/dev/xvda1"}, labels={}, devices=("/dev/xvda", "/dev/xvda1"), root_device="/dev/xvda1")
    assert chosen(read(dict(KERNELS, **{CFG: debian()}), storage=storage)).errors == ()


def test_what_a_mount_hides_is_not_known(read):
    entry = chosen(read(dict(KERNELS, **{CFG: debian(uuid=UUID)}), storage=SEPARATE))
    assert entry.errors[0].fatal is None
    assert "hidden below the file system that is mounted at /boot" in entry.errors[0].text


def test_a_uuid_that_fstab_does_not_know(read):
    menu = read(dict(KERNELS, **{CFG: debian(uuid=OTHER)}), storage=Storage())
    assert chosen(menu).errors == ()
    assert any(OTHER in text for text in menu.assumptions)


def test_a_uuid_that_nothing_has_on_a_live_system(read):
    storage = Storage(
        fstab=ONE.fstab, mounts=(Mount("/", "/dev/xvda1", "ext4"),), uuids={UUID: "/dev/xvda1"}, labels={}, devices=("/dev/xvda1",))
    files = dict(KERNELS, **{CFG: debian(uuid=OTHER)})
    assert [error.text for error in chosen(read(files, storage=storage)).errors][:2] == [
        "no such device: {}.".format(OTHER), "disk `hd0,msdos1' not found."]
    files[CFG] = debian()
    assert chosen(read(files, storage=storage)).errors == ()


@pytest.mark.parametrize("search, works", [
    ("search --label --set=root top", True), ("search -l -s root top", True), ("search --label --set=root other", False),
    ("search --file --set=root /boot/vmlinuz-6.1.0-2", True), ("search --file --set=root /nosuch", False),
    ("search.fs_uuid {} root".format(UUID.upper()), True), ("search --set {} --fs-uuid".format(UUID), True),
    ("set root=(xen/xvda,msdos1)", True),
    ("set root='xen/xvda,gpt2'", False), ("set root='lvm/vg-root'", True), ("set root=md/0", False), ("set root=hd0", False),
    ("set root=(hd0,1)", True), ("set root='hd0,msdos1'", True), ("set root=hd0,gpt2", False), ("set root=hd1,msdos1", False),
    ("set root=hdx,msdos1", False),
])
def test_ways_to_a_device(read, search, works):
    storage = Storage(
        mounts=(Mount("/", "/dev/xvda1", "ext4"), Mount("/srv", "/dev/mapper/vg-root", "ext4")),
        uuids={UUID: "/dev/xvda1"}, labels={"top": "/dev/xvda1"},
        devices=("/dev/xvda", "/dev/xvda1", "/dev/mapper/vg-root"))
    text = "set timeout=0\nmenuentry a {\nset root=hd0\n%s\nlinux /boot/vmlinuz-6.1.0-2 x\n}\n" % search
    files = dict(KERNELS, **{CFG: text})
    if "lvm" in search:
        files["/srv/boot/vmlinuz-6.1.0-2"] = "k"
    entry = chosen(read(files, storage=storage))
    assert (entry.errors == ()) == works, entry


@pytest.mark.parametrize("device, devices, fatal", [
    # GRUB counts a Xen guest's disks as pv-grub did (disk/xen/xendisk.c, grub_virtdisk_open), and one may have no partitions.
    ("(hd0,msdos1)", ("/dev/xvdb", "/dev/xvda", "/dev/xvda1"), []), ("(hd1)", ("/dev/xvda1", "/dev/xvda2", "/dev/xvda10"), [None]),
    ("(hd0)", ("/dev/xvda2", "/dev/xvda1", "/dev/xvda10"), []), ("(hd0,msdos1)", ("/dev/xvda1", "/dev/xvda2"), [True]),
    ("(hd0)", ("/dev/dm-0", "/dev/loop0", "/dev/xvda1"), []), ("(hd1)", ("/dev/dm-0", "/dev/loop0", "/dev/xvda1"), [True]),
    ("(hd0,msdos3)", ("/dev/xvda", "/dev/xvda1", "/dev/xvda2"), [True]), ("(hd0,msdos1)", None, [None]),
    ("(xen/xvda1)", ("/dev/xvda1", "/dev/xvda2"), []), ("(xen/xvda,msdos1)", ("/dev/xvda1",), [True]),
    ("(xen/xvda,msdos1)", ("/dev/xvda", "/dev/xvda1"), []), ("(xen/xvda1)", ("/dev/xvda", "/dev/xvda1"), [True]),
    ("(xen/xvda,msdos1)", None, []),
])
def test_disks_by_number_and_name(device, devices, fatal, read):
    text = "set timeout=0\nmenuentry a {\nlinux %s/boot/vmlinuz-6.1.0-2 x\n}\n" % device
    storage = Storage(mounts=(Mount("/", "/dev/xvda1", "ext4"),), uuids={}, labels={}, devices=devices)
    assert [error.fatal for error in chosen(read(dict(KERNELS, **{CFG: text}), storage=storage)).errors] == fatal


# What the host finds

def test_no_configuration(read):
    menu = read(dict(KERNELS, **{"/boot/grub/menu.lst": "default 0\n", "/etc/extlinux.conf": ""}))
    assert (menu.reason, menu.config, menu.problem) == ("no-config", None, Problem(CFG, "no such file or directory"))
    assert menu.elsewhere == ("/boot/grub/menu.lst", "/etc/extlinux.conf")


def test_a_path_that_the_host_may_look_for(read):
    menu = read(dict(KERNELS, **{"/boot/grub2/grub.cfg": debian()}), "upstream-2.06")
    assert menu.candidates == (Candidate(0, "default-index", "if the host's GRUB looks for /boot/grub2/grub.cfg"),)


TWO = dict(KERNELS, **{CFG: debian(), "/boot/grub2/grub.cfg": debian("1>1")})


def test_two_configurations_that_lead_to_different_entries(read):
    menu = read(TWO, "bitfolk")
    assert [(menu.entries[candidate.index].kernel, candidate.reason, candidate.condition) for candidate in menu.candidates] == [
        ("/boot/vmlinuz-6.1.0-2", "default-index", "if the host's GRUB takes /boot/grub/grub.cfg"),
        ("/boot/vmlinuz-6.1.0-1", "default-index", "if the host's GRUB takes /boot/grub2/grub.cfg"),
    ]
    assert [entry.index for entry in menu.entries] == list(range(6))
    assert (menu.config, menu.elsewhere, menu.may_show_nothing) == (CFG, (), False)


def test_two_configurations_where_one_is_empty_or_unreadable(read):
    menu = read(dict(TWO, **{CFG: "set timeout=5\n"}), "bitfolk")
    assert [candidate.condition for candidate in menu.candidates] == ["if the host's GRUB takes /boot/grub2/grub.cfg"]
    assert menu.may_show_nothing
    menu = read({"/boot/grub2/grub.cfg": "while true; do true; done\n"}, "bitfolk")
    assert (menu.reason, menu.candidates) == ("unreadable", ())
    assert menu.problem.path == "/boot/grub2/grub.cfg:1"


def disks(own, other, point="/old"):
    """Return what a live system says of two disks: its own, and another one that is mounted too."""
    return Storage(
        mounts=(Mount("/", own, "ext4"),) + ((Mount(point, other, "ext4"),) if point else ()), uuids={UUID: own, OTHER: other}, labels={},
        devices=("/dev/xvda", "/dev/xvda1", "/dev/xvda2", "/dev/xvdb", "/dev/xvdb1", "/dev/dm-0"), root_device=own)


OLD = dict(KERNELS, **{
    CFG: debian(), "/old" + CFG: debian("1>1", uuid=OTHER), "/old/boot/vmlinuz-6.1.0-1": "old", "/old/boot/initrd.img-6.1.0-1": "old"})


@pytest.mark.parametrize("host", ["debian-12", "bitfolk"])
@pytest.mark.parametrize("own, other, taken", [
    # GRUB searches the disks one after the other (commands/search.c), in the order in which Xen has them.
    ("/dev/xvdb1", "/dev/xvda1", 2), ("/dev/xvda2", "/dev/xvda1", 2), ("/dev/dm-0", "/dev/xvda1", 2), ("/dev/xvdb1", "/dev/xvda", 2),
    ("/dev/xvda1", "/dev/xvdb1", 1), ("/dev/xvda1", "/dev/xvda2", 1), ("/dev/xvda1", "/dev/dm-0", 2),
])
def test_a_configuration_on_a_disk_that_comes_first(host, own, other, taken, read):
    menu = read(OLD, host, storage=disks(own, other))
    assert [menu.entries[candidate.index].kernel for candidate in menu.candidates] == [
        "/boot/vmlinuz-6.1.0-2", "/old/boot/vmlinuz-6.1.0-1"][:taken]
    assert [candidate.condition for candidate in menu.candidates] == [
        "if the host's GRUB takes " + path for path in (CFG, "/old" + CFG)] * (taken > 1) or [""]


def test_a_configuration_on_another_disk_only(read):
    menu = read({path: text for path, text in OLD.items() if path != CFG}, storage=disks("/dev/xvda1", "/dev/xvdb1"))
    assert (menu.config, chosen(menu).kernel, chosen(menu).errors) == ("/old" + CFG, "/old/boot/vmlinuz-6.1.0-1", ())


def test_a_configuration_on_another_disk_that_only_root_may_see(read, monkeypatch):
    real = Root.status

    def denied(self, path):
        if path.startswith("/old/"):
            raise Denied(path)
        return real(self, path)

    monkeypatch.setattr(Root, "status", denied)
    menu = read(OLD, storage=disks("/dev/xvdb1", "/dev/xvda1"))
    assert (menu.reason, menu.candidates) == ("unreadable", ())
    assert chosen(read({}, storage=disks("/dev/xvda1", "/dev/xvdb1"))).kernel == "/boot/vmlinuz-6.1.0-2"  # it comes later


def test_links_on_another_disk_that_lead_nowhere(read):
    files = dict(KERNELS, **{CFG: debian(), "/old/boot": Link("/old/boot")})
    assert chosen(read(files, storage=disks("/dev/xvdb1", "/dev/xvda1"))).kernel == "/boot/vmlinuz-6.1.0-2"


def test_a_file_system_that_a_look_would_mount_is_left_alone(read):
    storage = disks("/dev/xvdb1", "/dev/xvda1")._replace(fstab=(Mount("/old", "/dev/xvda1", "ext4", "noauto,x-systemd.automount"),))
    assert chosen(read(OLD, storage=storage)).kernel == "/boot/vmlinuz-6.1.0-2"


@pytest.mark.parametrize("host", ["debian-12", "bitfolk"])
def test_a_copy_of_all_files_on_a_second_disk_and_a_boot_of_its_own(host, read):
    """Debian's host looks for /boot/grub/grub.cfg on every disk before it looks for /grub/grub.cfg on any."""
    storage = SEPARATE._replace(
        mounts=(Mount("/", "/dev/xvda2", "xfs"), Mount("/boot", "/dev/xvda1", "ext4"), Mount("/copy", "/dev/xvdb1", "xfs")),
        uuids={UUID: "/dev/xvda2", OTHER: "/dev/xvda1"}, labels={}, devices=("/dev/xvda1", "/dev/xvda2", "/dev/xvdb1"))
    menu = read(dict(KERNELS, **{CFG: SEPARATE_MENU, "/copy" + CFG: debian()}), host, storage=storage)
    assert [candidate.condition for candidate in menu.candidates] == [
        "if the host's GRUB takes " + path for path in (CFG, "/copy" + CFG)]


@pytest.mark.parametrize("unmounted, own, condition", [
    (("/dev/xvda1",), "/dev/xvdb1", "if GRUB finds no grub.cfg on /dev/xvda1, which it comes to first and which is not mounted here"),
    (("/dev/xvda1",), "/dev/dm-0", "if GRUB finds no grub.cfg on /dev/xvda1, which it comes to first and which is not mounted here"),
    (("/dev/xvda1", "/dev/xvda2"), "/dev/xvdb1",
     "if GRUB finds no grub.cfg on /dev/xvda1, /dev/xvda2, which it comes to first and which is not mounted here"),
    (("/dev/xvda2",), "/dev/xvda1", ""), ((), "/dev/xvdb1", ""),
])
def test_a_file_system_before_it_that_is_not_mounted(unmounted, own, condition, read):
    storage = disks(own, "/dev/xvdc1", "")._replace(unmounted=unmounted)
    menu = read(dict(KERNELS, **{CFG: debian()}), storage=storage, booted=True)
    assert [candidate.condition for candidate in menu.candidates] == [condition]
    assert menu.may_show_nothing == bool(condition)


def test_two_configurations_that_agree(read):
    menu = read(dict(TWO, **{"/boot/grub2/grub.cfg": debian()}), "bitfolk")
    assert (menu.candidates, len(menu.entries)) == ((Candidate(0, "default-index"),), 3)


def test_two_configurations_and_a_known_order(read):
    menu = read(TWO)
    assert (menu.candidates, menu.config, menu.elsewhere) == ((Candidate(0, "default-index"),), CFG, ("/boot/grub2/grub.cfg",))


def test_one_configuration_under_two_names(read):
    files = dict(SAVED, **{"/boot/grub2": Link("grub")})
    assert len(read(files, "upstream-2.06").candidates) == 1
    assert read({}, "bitfolk").candidates[0].condition == "if the host's GRUB reads the guest's grubenv"


def test_a_boot_that_is_not_mounted(read, tmp_path):
    (tmp_path / "boot").mkdir()
    menu = read({"/etc/hostname": "x"}, storage=SEPARATE)
    assert (menu.reason, menu.problem) == ("unreadable", Problem("/boot", "a file system of its own that is not mounted here"))


def test_a_configuration_that_is_too_large(read):
    menu = read(dict(KERNELS, **{CFG: "#" * (12 * 1024 * 1024 + 1)}))
    assert menu.reason == "unreadable"
    assert menu.problem == Problem(CFG, "larger than 12582912 bytes")


def test_a_configuration_that_is_a_fifo(read, tmp_path):
    (tmp_path / "boot" / "grub").mkdir(parents=True)
    os.mkfifo(str(tmp_path / "boot" / "grub" / "grub.cfg"))
    menu = read(KERNELS)
    assert menu.reason == "unreadable"
    assert menu.problem is not None


def test_a_kernel_that_is_a_directory(read, tmp_path):
    (tmp_path / "boot" / "vmlinuz-6.1.0-2").mkdir(parents=True)
    files = {CFG: debian(), "/boot/initrd.img-6.1.0-2": "i", "/boot/vmlinuz-6.1.0-1": "k"}
    assert chosen(read(files)).errors[0].text == "not a regular file."


def test_a_configuration_that_never_ends(read):
    menu = read({CFG: "a=1\nwhile true; do true; done\n"})
    assert (menu.reason, menu.candidates) == ("unreadable", ())
    assert menu.problem == Problem(CFG + ":2", "more steps than any configuration needs: it may never end")


LOOP = """set timeout=5
set default=%s
for kernel in /boot/vmlinuz-*; do
  menuentry "$kernel" "$kernel" { linux $2 root=/dev/xvda1; }
done
"""


@pytest.mark.parametrize("default, kernels_there, chosen_ones", [
    # GRUB takes the names for a wildcard as the directory holds them, which is no order that can be told (commands/wildcard.c).
    ("0", ("1", "2", "3"), ["1", "2", "3"]), ("1", ("1", "2", "3"), ["2", "3", "1"]), ("/boot/vmlinuz-2", ("1", "2", "3"), ["2"]),
    ("0", ("1",), ["1"]), ("", ("1", "2"), ["1", "2"]),
])
def test_entries_made_by_a_wildcard_come_in_any_order(default, kernels_there, chosen_ones, read):
    menu = read(dict(kernels(*kernels_there), **{CFG: LOOP % default}))
    assert [menu.entries[candidate.index].kernel for candidate in menu.candidates] == ["/boot/vmlinuz-" + one for one in chosen_ones]
    assert [entry.path for entry in menu.entries] == [str(number) for number in range(len(kernels_there))]
    assert all(("order of names" in candidate.condition) == (len(chosen_ones) > 1) for candidate in menu.candidates)


def test_more_names_for_a_wildcard_than_orders_that_are_tried(read):
    """Whichever of them is the first is the default: of some it is not seen what boots then."""
    many = [str(number) for number in range(1, 22)]
    assert len(read(dict(kernels(*many[:20]), **{CFG: LOOP % "0"})).candidates) == 20
    menu = read(dict(kernels(*many), **{CFG: LOOP % "0"}))
    assert (menu.reason, menu.candidates) == ("unreadable", ()) and "order of names" in menu.problem.reason
    assert [candidate.condition for candidate in read(dict(kernels(*many), **{CFG: LOOP % "/boot/vmlinuz-7"})).candidates] == [""]


def test_a_wildcard_after_the_default_entry_decides_nothing(read):
    text = debian() + "for iso in /boot/*.iso; do menuentry \"$iso\" { loopback loop $iso; linux (loop)/vmlinuz; }; done\n"
    menu = read(dict(KERNELS, **{CFG: text, "/boot/a.iso": "a", "/boot/b.iso": "b"}))
    assert (chosen(menu).kernel, menu.candidates[0].condition, len(menu.entries)) == ("/boot/vmlinuz-6.1.0-2", "", 5)


def test_no_entries(read):
    assert read({CFG: "set timeout=0\n"}).reason == "no-entries"


@pytest.mark.parametrize("line, waits", [
    ("set timeout=0", False), ("set timeout=5", False), ("set timeout=-1", True), ("", True), ("set timeout=600", False),
    ("set timeout=86400", True),
])
def test_a_menu_that_waits(read, line, waits):
    assert read(dict(KERNELS, **{CFG: line + "\n" + entry("a", "a", "6.1.0-1")})).waits == waits


@pytest.mark.parametrize("first, other, waits", [
    # In another file's menu the timeout of this one does not count (commands/configfile.c); a submenu's is 0 (normal/menu.c).
    ("menuentry a { configfile /boot/grub/b.cfg; }\n", "", True),
    ("menuentry a { configfile /boot/grub/b.cfg; }\n", "set timeout=3\n", False),
    ("submenu a {\nmenuentry a { configfile /boot/grub/b.cfg; }\n}\n", "", True),
    ("menuentry a { linux /boot/vmlinuz-6.1.0-1; }\nmenuentry b { configfile /boot/grub/b.cfg; }\n", "", False),
    ("submenu a {\nmenuentry b { linux /boot/vmlinuz-6.1.0-1; }\n}\n", "", False),
    ("export timeout\nmenuentry a { configfile /boot/grub/b.cfg; }\n", "", False),
])
def test_a_menu_in_another_file_that_waits(first, other, waits, read):
    files = {CFG: "set timeout=5\n" + first, "/boot/grub/b.cfg": other + "menuentry c { linux /boot/vmlinuz-6.1.0-1; }\n"}
    menu = read(dict(KERNELS, **files))
    assert (chosen(menu).kernel, menu.waits) == ("/boot/vmlinuz-6.1.0-1", waits)


def test_a_password_for_the_default(read):
    text = "set timeout=0\nset superusers=root\npassword root x\n" + entry("a", "a", "6.1.0-1")
    error = chosen(read(dict(KERNELS, **{CFG: text}))).errors[-1]
    assert (error.text, error.fatal) == ("asks for a user name and a password before it boots.", True)


def test_names_that_are_not_utf_8(read):
    text = "set timeout=0\nmenuentry 'caf\udce9' { linux /boot/vmlinuz-\udcff x=\udce9; }\n"
    entry = chosen(read({CFG: text, "/boot/vmlinuz-\udcff": "k"}))
    assert (entry.title, entry.kernel, entry.cmdline, entry.errors) == ("caf\udce9", "/boot/vmlinuz-\udcff", "x=\udce9", ())


def test_the_guests_own_grub_under_pv(read):
    files = dict(SAVED, **{"/boot/xen/pvboot-x86_64.elf": "elf"})
    assert read(files, platform="xen-x86_64").candidates == (Candidate(2, "saved_entry"),)
    assert read(files, platform="xen_pvh").candidates == (Candidate(0, "first-entry"),)


def test_grubenv_that_only_root_may_read(read, tmp_path, monkeypatch):
    real = Root.read

    def denied(self, path, limit=0):
        if path.endswith("grubenv"):
            raise Denied(path)
        return real(self, path, limit)

    monkeypatch.setattr(Root, "read", denied)
    menu = read(SAVED, "upstream-2.06")
    assert (menu.reason, menu.candidates, menu.problem) == ("unreadable", (), Problem("/boot/grub/grubenv", "permission denied"))
    assert len(menu.entries) == 3
    assert read(SAVED, "debian-12").candidates == (Candidate(0, "first-entry"),)


# What other boot loaders' menus would add

LEGACY = "default 0\ntitle old\nkernel /boot/vmlinuz-6.1.0-1\n"


@pytest.mark.parametrize("command", ["legacy_configfile", "legacy_source", "extract_legacy_entries_source", "syslinux_configfile"])
def test_a_menu_of_another_boot_loader_is_not_known(read, command):
    text = "set timeout=0\n{} /boot/grub/menu.lst\n".format(command) + entry("a", "a", "6.1.0-1")
    menu = read(dict(KERNELS, **{CFG: text, "/boot/grub/menu.lst": LEGACY}))
    assert (menu.reason, menu.candidates) == ("unreadable", ())
    assert menu.problem == Problem("/boot/grub/menu.lst", "what GRUB makes of another boot loader's configuration cannot be told")


def test_a_menu_of_grub_legacy_that_is_not_there(read):
    text = "set timeout=0\nlegacy_source /boot/grub/menu.lst\n" + entry("a", "a", "6.1.0-1")
    menu = read(dict(KERNELS, **{CFG: text}))
    assert menu.candidates == (Candidate(0, "first-entry"),)
    assert [error.text for error in menu.errors] == ["file `/boot/grub/menu.lst' not found."]


def test_an_entry_that_shows_a_menu_of_grub_legacy(read):
    text = "set timeout=0\nset fallback=1\nmenuentry a { legacy_configfile /boot/grub/menu.lst; }\n" + entry("b", "b", "6.1.0-1")
    menu = read(dict(KERNELS, **{CFG: text, "/boot/grub/menu.lst": LEGACY}))
    assert menu.candidates == (Candidate(0, "first-entry"),)
    assert [error.fatal for error in menu.entries[0].errors] == [None, None]
    assert (menu.entries[0].kernel, menu.entries[1].kernel) == (None, "/boot/vmlinuz-6.1.0-1")


def test_an_entry_of_which_it_is_not_known_what_it_loads_is_unknown(guest, pvhready):
    text = "set timeout=0\nmenuentry a { legacy_configfile /boot/grub/menu.lst; }\n"
    report = pvhready.check(guest(changes={CFG: text, "/boot/grub/menu.lst": LEGACY}), "--host", "debian-12")
    assert (report["verdict"], report["modes"]) == ("unknown", {"pvh": "unknown", "pv": "unknown"})


@pytest.mark.parametrize("body", [
    "loopback loop /boot/image.iso; linux (loop)/vmlinuz x; initrd (loop)/initrd",
    "loopback l /boot/image.iso; set root=l,gpt2; linux /vmlinuz",
    "cryptomount -u 1234; set root=crypto0; linux /vmlinuz", "loopback loop /boot/image.iso; configfile (loop)/grub.cfg",
])
def test_what_is_on_a_device_that_grub_makes_is_not_known(read, body):
    text = "set timeout=0\nset fallback=1\nmenuentry a { " + body + "; }\n" + entry("b", "b", "6.1.0-1")
    menu = read(dict(KERNELS, **{CFG: text, "/boot/image.iso": "image", "/vmlinuz": "not this one"}))
    assert menu.candidates == (Candidate(0, "first-entry"),)
    assert {error.fatal for error in menu.entries[0].errors} == {None}
    assert "what is on this device cannot be told" in menu.entries[0].errors[0].text
    assert not [error for error in menu.entries[1].errors if error.fatal is not False]


@pytest.mark.parametrize("line", ["loopback loop /nosuch.iso", "loopback loop /boot/image.iso; loopback -d loop"])
def test_a_device_that_grub_does_not_make(read, line):
    text = "set timeout=0\nmenuentry a { %s; linux (loop)/vmlinuz; }\n" % line
    menu = read(dict(KERNELS, **{CFG: text, "/boot/image.iso": "image"}))
    assert menu.entries[0].errors[-1] == menu.entries[0].errors[-1]._replace(text="disk `loop' not found.", fatal=True)


LOCKED = "set timeout=0\nset superusers=root\npassword root secret\n"
OPEN_ENTRY = "menuentry b --unrestricted { linux /boot/vmlinuz-6.1.0-1 root=/dev/xvda1; }\n"


@pytest.mark.parametrize("text,asks", [
    (LOCKED + "submenu more {\n" + OPEN_ENTRY + "}\n", True),
    (LOCKED + "submenu more --unrestricted {\n" + OPEN_ENTRY + "}\n", False),
    (LOCKED + "submenu more --unrestricted {\nsubmenu still {\n" + OPEN_ENTRY + "}\n}\n", False),  # superusers is not exported
    (LOCKED + "export superusers\nsubmenu more --unrestricted {\nsubmenu still {\n" + OPEN_ENTRY + "}\n}\n", True),
    (LOCKED + "menuentry a { configfile /boot/grub/more.cfg; }\n", True),
    (LOCKED + "menuentry a --unrestricted { configfile /boot/grub/more.cfg; }\n", False),
])
def test_a_password_before_a_menu(text, asks, read):
    """normal/menu.c, grub_menu_execute_entry: who opens a submenu is asked as who runs an entry."""
    more = "set timeout=0\n" + OPEN_ENTRY
    errors = chosen(read(dict(KERNELS, **{CFG: text, "/boot/grub/more.cfg": more}))).errors
    assert [error.fatal for error in errors] == ([True] if asks else [])


@pytest.mark.parametrize("first", [
    "menuentry a { linux /boot/vmlinuz-6.1.0-2; }\n", "menuentry a --unrestricted { halt; }\n", "menuentry a --unrestricted { reboot; }\n",
    "menuentry a --unrestricted { normal_exit; }\n",
    "submenu a { menuentry c { linux /boot/vmlinuz-6.1.0-2; }; }\n",
])
def test_what_waits_or_leaves_has_no_fallback(first, read):
    menu = read(dict(KERNELS, **{CFG: LOCKED + "set default=0\nset fallback=1\n" + first + OPEN_ENTRY}))
    assert [(candidate.index, candidate.reason) for candidate in menu.candidates] == [(0, "default-index")]
    assert chosen(menu).errors[-1].fatal is True


def test_grub_may_crash_over_an_empty_argument_in_the_place_of_a_block(read):
    text = "menuentry a '' --id $none { linux /boot/vmlinuz-6.1.0-1; }\n" + entry("b", "b", "6.1.0-1")
    assert read(dict(KERNELS, **{CFG: "set timeout=0\n" + text})).reason == "unreadable"


def test_signatures_that_are_demanded_are_not_known(read):
    menu = read(dict(KERNELS, **{CFG: "set timeout=0\nset check_signatures=enforce\n" + entry("a", "a", "6.1.0-1")}))
    assert None in {error.fatal for error in chosen(menu).errors}
    menu = read(dict(KERNELS, **{CFG: "set timeout=0\nset check_signatures=no\n" + entry("a", "a", "6.1.0-1")}))
    assert None not in {error.fatal for error in chosen(menu).errors}


@pytest.mark.parametrize("command", ["read name", "authenticate root", "cmp /a /b", "file --is-x86-linux /a", "verify_detached /a /b",
                                     "ls /boot/a", "cat /boot/a", "hashsum -h sha256 /a", "net_bootp", "cpuid -l", "xen_ls /",
                                     "cutmem 1M 2M", "badram 0x1000,0xfffff000", "sleep 601", "sleep --interruptible 99999"])
def test_what_waits_or_looks_into_files_is_not_known(command, read):
    body = "linux /boot/vmlinuz-6.1.0-1 root=/dev/xvda1; }\n"
    menu = read(dict(KERNELS, **{CFG: LOCKED + command + "\nmenuentry a --unrestricted { " + body}))
    assert (menu.reason, menu.candidates) == ("unreadable", ())
    menu = read(dict(KERNELS, **{CFG: LOCKED + "menuentry a --unrestricted { " + command + "; " + body}))
    assert [error.fatal for error in chosen(menu).errors] == [None]


@pytest.mark.parametrize("device,where,is_own", [
    ("UUID=" + UUID, "(xen/xvdc1)", True), ("/dev/xvda1", "(xen/xvda1)", True), ("/dev/xvda1", "(xen/xvda,msdos1)", True),
    ("/dev/xvda1", "(xen/xvdc1)", False), ("/dev/xvda1", "(lvm/vg-root)", False), ("/dev/mapper/vg-root", "(lvm/vg-root)", True),
    ("/dev/mapper/vg-root", "(xen/xvda1)", False),
])
def test_a_device_that_fstab_contradicts_is_not_the_guests_own(device, where, is_own, read):
    """Without devices to look at, one that nothing names is taken for the guest's own, where fstab does not name another one."""
    text = "set timeout=0\nmenuentry a { linux %s/boot/vmlinuz-6.1.0-1 root=/dev/xvda1; }\n" % where
    menu = read(dict(KERNELS, **{CFG: text}), storage=Storage(fstab=(Mount("/", device, "ext4"),)))
    assert [error.fatal for error in chosen(menu).errors] == ([] if is_own else [None])
    assert bool(menu.assumptions) is (device.startswith("UUID="))


def test_an_id_that_fstab_contradicts_is_not_the_guests_own(read):
    """As that of an old /boot, which is neither mounted nor in fstab any more."""
    text = "set timeout=0\nmenuentry a { search --no-floppy --fs-uuid --set=root %s; linux /boot/vmlinuz-6.1.0-1; }\n" % UUID[::-1]
    for device, is_own in (("UUID=" + UUID, False), ("/dev/xvda1", True), ("LABEL=root", True)):
        menu = read(dict(KERNELS, **{CFG: text}), storage=Storage(fstab=(Mount("/", device, "ext4"),)))
        assert [error.fatal for error in chosen(menu).errors] == ([] if is_own else [None])


def test_a_kernel_on_zfs_is_not_known(read):
    text = "set timeout=0\nsearch --no-floppy --fs-uuid --set=root 9a1f0b2c3d4e5f60\n"
    text += "menuentry a { linux '/BOOT/ubuntu_1a2b3c@/vmlinuz-6.1.0-1' root=ZFS=rpool/ROOT/ubuntu_1a2b3c; }\n"
    entry = chosen(read(dict(KERNELS, **{CFG: text}), storage=Storage()))
    assert [error.fatal for error in entry.errors] == [None]
    assert "a path of GRUB's on ZFS" in entry.errors[0].text


WITHOUT_MENU = "linux /boot/vmlinuz-6.1.0-1 root=/dev/xvda1 console=hvc0\ninitrd /boot/initrd.img-6.1.0-1\n"


@pytest.mark.parametrize("before", ["", entry("a", "a", "6.1.0-2"), "set default=3\nset fallback=1\n" + entry("a", "a", "6.1.0-2")])
def test_a_configuration_that_boots_without_a_menu(read, before):
    menu = read(dict(KERNELS, **{CFG: before + WITHOUT_MENU + "boot\n" + entry("never", "never", "6.1.0-2")}))
    assert (menu.candidates, len(menu.entries), menu.waits) == ((Candidate(0, "first-entry"),), 1, False)
    found = menu.entries[0]
    assert (found.title, found.kernel, found.initrd, found.cmdline) == (
        "(boots without a menu)", "/boot/vmlinuz-6.1.0-1", ("/boot/initrd.img-6.1.0-1",), "root=/dev/xvda1 console=hvc0")
    assert (found.errors, menu.errors) == ((), ())


def test_a_kernel_that_is_loaded_and_not_booted(read):
    assert read(dict(KERNELS, **{CFG: WITHOUT_MENU})).reason == "no-entries"
    menu = read(dict(KERNELS, **{CFG: WITHOUT_MENU + entry("a", "a", "6.1.0-2")}))
    assert chosen(menu).kernel == "/boot/vmlinuz-6.1.0-2"


def test_a_configuration_that_fails_to_boot_without_a_menu_goes_on(read):
    menu = read(dict(KERNELS, **{CFG: WITHOUT_MENU.replace("6.1.0-1", "gone") + "boot\n" + entry("a", "a", "6.1.0-2")}))
    assert chosen(menu).title == "a"
    menu = read(dict(KERNELS, **{CFG: WITHOUT_MENU.replace("img-6.1.0-1", "img-gone") + "boot\n" + entry("a", "a", "6.1.0-2")}))
    assert [error.fatal for error in chosen(menu).errors] == [True]


def test_a_guest_whose_configuration_boots_without_a_menu(guest, pvhready):
    text = "linux /boot/vmlinuz-6.1.0-50-amd64 root=UUID={} ro console=hvc0\ninitrd /boot/initrd.img-6.1.0-50-amd64\nboot\n".format(UUID)
    report = pvhready.check(guest(changes={CFG: text}), "--host", "debian-12")
    assert report["modes"]["pvh"] == "boots"
