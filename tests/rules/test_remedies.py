"""The commands that a finding offers fit the distribution that it was found on."""

import subprocess

import pytest

from pvhready.facts import Distribution, Entry, Guest, Image, Kernel
from pvhready.probes.defaults import parse_defaults
from pvhready.rules import newkernel, remedies
from pvhready.rules.cmdline import judge_cmdline


def _guest(name, version=None, like=(), architecture="x86_64"):
    return Guest("PV", architecture=architecture, distribution=Distribution(name, version, None, tuple(like)))


def _words(found):
    return [" ".join(remedy.argv) or remedy.text for remedy in found]


@pytest.mark.parametrize("guest,expected", [
    (_guest("debian", "8"), "upgrade to Debian 10"),
    (_guest("debian", "9"), "apt-get install -t stretch-backports linux-image-amd64"),
    (_guest("debian", "12"), "apt-get install linux-image-amd64"),
    (_guest("debian", "12", architecture="i686"), "apt-get install linux-image-686-pae"),
    (_guest("devuan", "2"), "apt-get install -t stretch-backports linux-image-amd64"),
    (_guest("devuan", "4"), "apt-get install linux-image-amd64"),
    (_guest("ubuntu", "16.04"), "upgrade to Ubuntu 18.04"),
    (_guest("ubuntu", "18.04"), "apt-get install --install-recommends linux-generic-hwe-18.04"),
    (_guest("ubuntu", "22.04"), "apt-get install linux-generic"),
    (_guest("linuxmint", "21", ["ubuntu", "debian"]), "apt-get install linux-generic"),
    (_guest("centos", "6"), "install a newer release"),
    (_guest("centos", "7"), "yum --enablerepo=elrepo-kernel install kernel-ml"),
    (_guest("almalinux", "8.10", ["rhel", "centos", "fedora"]), "dnf --enablerepo=elrepo-kernel install kernel-ml"),
    (_guest("fedora", "39"), "dnf upgrade kernel"),
    (_guest("fedora", "27"), "No kernel of this release boots under PVH: upgrade to a newer Fedora."),
    (_guest("amzn", "2", ["centos", "rhel", "fedora"]), "amazon-linux-extras install kernel-5.10"),
    (_guest("amzn", "2023", ["fedora"]), "dnf upgrade kernel"),
    (_guest("opensuse-leap", "15.6", ["suse", "opensuse"]), "zypper install kernel-default"),
    (_guest("arch"), "pacman -S linux"),
    (_guest("alpine", "3.20.3"), "apk add linux-lts"),
    (_guest("nixos", "20.09"), "nixos-rebuild boot"),
    (_guest(None), "Install a kernel of Linux 5.0 or newer"),
])
def test_a_kernel_that_boots(guest, expected):
    assert any(expected in text for text in _words(newkernel.newer_kernel(guest))), _words(newkernel.newer_kernel(guest))


@pytest.mark.parametrize("guest,path,package,expected", [
    (_guest("debian", "12"), "/boot/vmlinuz-6.1.0-50-amd64", None, "apt-get install --reinstall linux-image-6.1.0-50-amd64"),
    (_guest("ubuntu", "20.04"), "/boot/vmlinuz-5.4.0-216-generic", "linux-image-5.4.0-216-generic",
     "apt-get install --reinstall linux-image-5.4.0-216-generic"),
    (_guest("debian", "14"), "/boot/vmlinuz-7.2.13+deb14-amd64", "linux-binary-7.2.13+deb14-amd64",
     "apt-get install --reinstall linux-binary-7.2.13+deb14-amd64 linux-image-7.2.13+deb14-amd64"),
    (_guest("centos", "6"), "/boot/vmlinuz-2.6.32-754.el6.x86_64", None, "yum reinstall kernel-2.6.32-754.el6.x86_64"),
    (_guest("rocky", "9.4", ["rhel"]), "/boot/vmlinuz-5.14.0-427.el9.x86_64", None, "dnf reinstall kernel-core-5.14.0-427.el9.x86_64"),
    (_guest("amzn", "2", ["rhel"]), "/boot/vmlinuz-4.14.252-195.amzn2.x86_64", None, "yum reinstall kernel-4.14.252-195.amzn2.x86_64"),
    (_guest("arch"), "/boot/vmlinuz-linux-lts", None, "pacman -S linux-lts"),
    (_guest("alpine", "3.20"), "/boot/vmlinuz-virt", None, "apk fix linux-virt"),
])
def test_the_packaged_image_again(guest, path, package, expected):
    release = path.rpartition("-linux")[2] if "linux" in path.rpartition("/")[2][8:] else path.rpartition("/vmlinuz-")[2]
    assert _words(remedies.restore_image(Kernel(path, Image(), release, package=package), guest)) == [expected]


def test_a_kernel_that_apt_keeps():
    for package in ("linux-image-7.2.13+deb14-amd64", "linux-binary-7.2.13+deb14-amd64"):
        found = remedies.keep_kernel(_guest("debian", "14"), Kernel("/boot/vmlinuz-7.2.13+deb14-amd64", Image(), package=package))
        assert _words(found) == ["apt-mark manual linux-image-7.2.13+deb14-amd64"]


@pytest.mark.parametrize("guest,expected", [
    (_guest("debian", "12"), "update-grub"), (_guest("fedora", "40"), "grub2-mkconfig -o /boot/grub2/grub.cfg"),
    (_guest("gentoo"), "grub-mkconfig -o /boot/grub/grub.cfg"), (_guest("nixos", "24.05"), "nixos-rebuild boot"),
])
def test_the_menu_anew(guest, expected):
    assert _words(remedies.regenerate(guest)) == [expected]



def test_the_check_run_again_is_about_the_same_guest():
    from pvhready.facts import Facts
    from pvhready.host import profile
    from pvhready.judge import judge

    facts = Facts("/mnt/guest", False, "2026-01-01", _guest("debian", "12"), denied=("/boot/vmlinuz-1",))
    report = judge(facts, profile("debian-12"), "pv")
    (access,) = [check for check in report.checks if check.id == "access"]
    assert access.remedies[0].argv == ("sudo", "pvhready", "check", "--root", "/mnt/guest", "--host", "debian-12", "--target", "pv")


def _typed(found):
    return [" ".join(remedy.argv) for remedy in found if remedy.argv]


_SNIPPET = Entry(0, "0", "x", source="/boot/loader/entries/abc.conf:1")
_ENTRY = Entry(0, "0", "x", source="/boot/grub2/grub.cfg:12")
_ADD = 'sed -i $ a GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=hvc0" /etc/default/grub'


@pytest.mark.parametrize("guest,entry,expected", [
    (_guest("debian", "12"), _ENTRY, [_ADD, "update-grub"]),
    (_guest("fedora", "40"), _ENTRY, [_ADD, "grub2-mkconfig -o /boot/grub2/grub.cfg"]),
    (_guest("fedora", "40"), _SNIPPET, ["grubby --update-kernel=ALL --args=console=hvc0"]),
    (_guest("opensuse-leap", "15.6", ["suse"]), None, [_ADD, "grub2-mkconfig -o /boot/grub2/grub.cfg"]),
    (_guest("alpine", "3.20"), None, [_ADD, "grub-mkconfig -o /boot/grub/grub.cfg"]),
    (_guest("nixos", "24.05"), None, ["nixos-rebuild boot"]),
])
def test_the_console(guest, entry, expected):
    assert _typed(remedies.add_console(guest, entry)) == expected


@pytest.mark.parametrize("argument", [
    "nopv", "acpi=off", "acpi_rsdp=0x1", "nolapic", "xen_no_vector_callback", "modprobe.blacklist=xen-blkfront",
])
def test_what_is_taken_from_snippets_is_taken_by_their_own_tool(argument):
    entry = _SNIPPET._replace(cmdline="console=hvc0 " + argument)
    kernel = Kernel("/boot/vmlinuz", Image("bzimage", cmdline_size=2047))
    said = judge_cmdline(entry, kernel, "pvh", _guest("fedora", "40"))
    assert [_typed(finding.remedies) for finding in said] == [["grubby --update-kernel=ALL --remove-args=" + argument]]


@pytest.mark.parametrize("guest,path,expected", [
    (_guest("debian", "12"), "/boot/grub/grub.cfg", "update-grub"),
    (_guest("fedora", "40"), "/boot/grub/grub.cfg", "grub2-mkconfig -o /boot/grub/grub.cfg"),
    (_guest("debian", "12"), "/boot/grub2/grub.cfg", "grub-mkconfig -o /boot/grub2/grub.cfg"),
])
def test_the_menu_anew_where_the_host_reads_it(guest, path, expected):
    assert _typed(remedies.regenerate(guest, path)) == [expected]


def _by_grub_mkconfig(defaults, remedy, tmp_path):
    """Let a shell make of /etc/default/grub what grub-mkconfig would, after a remedy's command was run on it."""
    place = tmp_path / "grub"
    place.write_text(defaults)
    subprocess.check_call([word.replace("/etc/default/grub", str(place)) for word in remedy.argv])
    script = '. "$0"; printf %s "$GRUB_CMDLINE_LINUX"'
    return subprocess.check_output(["sh", "-c", script, str(place)]).decode().split()


@pytest.mark.parametrize("defaults", [
    'GRUB_CMDLINE_LINUX="quiet"\n', "GRUB_CMDLINE_LINUX='quiet'",
    "# nothing but GRUB_CMDLINE_LINUX\nGRUB_CMDLINE_LINUX=quiet\nGRUB_TIMEOUT=5\n",
])
def test_an_argument_is_added_and_removed_whatever_the_file_looks_like(defaults, tmp_path):
    debian = _guest("debian", "12")
    assert _by_grub_mkconfig(defaults, remedies.add_console(debian)[0], tmp_path) == ["quiet", "console=hvc0"]
    assert parse_defaults((tmp_path / "grub").read_text()).values["GRUB_CMDLINE_LINUX"] == "quiet console=hvc0"
    assert _by_grub_mkconfig(defaults, remedies.remove_argument(debian, "quiet")[0], tmp_path) == []


@pytest.mark.parametrize("argument", ["nopv", "acpi=off", "modprobe.blacklist=xen-blkfront"])
def test_only_the_argument_itself_is_removed(argument, tmp_path):
    others = [form.format(argument) for form in ("xen_{}", "{}_x", "a={}", "rd.{}", "{}=x", "x,{}", "{},x", "x-{}")]
    remedy = remedies.remove_argument(_guest("debian", "12"), argument)[0]
    for quote in "\"'":
        for words in (others + [argument], [argument] + others, others[:3] + [argument] + others[3:]):
            text = "GRUB_CMDLINE_LINUX={1}{0}{1}\n".format(" ".join(words), quote)
            assert _by_grub_mkconfig(text, remedy, tmp_path) == others


@pytest.mark.parametrize("guest,module,expected", [
    (_guest("debian", "12"), "xen_blkfront",
     ["sed -i $ a xen-blkfront /etc/initramfs-tools/modules", "update-initramfs -c -k 6.1"]),
    (_guest("debian", "12"), "", ["update-initramfs -c -k 6.1"]),
    (_guest("fedora", "40"), "xen_blkfront",
     ['sh -c echo "add_drivers+=\\" xen-blkfront \\"" >/etc/dracut.conf.d/xen-blkfront.conf', "dracut --force --kver 6.1"]),
    (_guest("arch"), "xen_blkfront", ["sed -i $ a MODULES+=(xen-blkfront) /etc/mkinitcpio.conf", "mkinitcpio -P"]),
    (_guest("alpine", "3.20"), "ext4", ['sed -i $ a features="$features ext4" /etc/mkinitfs/mkinitfs.conf', "mkinitfs 6.1"]),
    (_guest("nixos", "24.05"), "xen_blkfront", ["nixos-rebuild boot"]),
    (_guest("slackware"), "xen_blkfront", []),
])
def test_the_initramfs_anew(guest, module, expected):
    assert _typed(remedies.rebuild_initramfs(guest, "6.1", module)) == expected


def test_an_initramfs_of_no_known_release_is_built_for_all():
    assert _typed(remedies.rebuild_initramfs(_guest("rocky", "9", ["rhel"]), None)) == ["dracut --force --regenerate-all"]
    assert _typed(remedies.rebuild_initramfs(_guest("debian", "12"), None)) == ["update-initramfs -u -k all"]


def test_an_initramfs_that_the_kernel_can_unpack():
    assert _typed(remedies.repack_initramfs(_guest("debian", "12"), "6.1")) == [
        "sed -i $ a COMPRESS=gzip /etc/initramfs-tools/initramfs.conf", "update-initramfs -c -k 6.1"]
    assert _typed(remedies.repack_initramfs(_guest("fedora", "40"), "6.1")) == ["dracut --force --gzip --kver 6.1"]


@pytest.mark.parametrize("guest,text", [
    (_guest("rocky", "9", ["rhel"]), 'add_drivers+=" xen-blkfront "\n'),
    (_guest("alpine", "3.20"), "kernel/drivers/block/xen-blkfront.ko*\n"),
])
def test_what_a_shell_writes(guest, text, tmp_path):
    remedy = remedies.rebuild_initramfs(guest, "6.1", "xen_blkfront")[0]
    script, _, path = remedy.argv[2].rpartition(">")
    assert path.startswith("/etc/") and subprocess.check_output(["sh", "-c", script]).decode() == text


@pytest.mark.parametrize("text, expected", [
    ("\tlinux16 /vmlinuz-1 x=linux16y\n\tinitrd16 /i\n", "\tlinux /vmlinuz-1 x=linux16y\n\tinitrd /i\n"),
    ('\tsixteenbit="16"\n\tlinux${sixteenbit} ${rel_dirname}\n', '\tsixteenbit=""\n\tlinux${sixteenbit} ${rel_dirname}\n'),
])
def test_plain_commands(text, expected, tmp_path):
    place = tmp_path / "10_linux"
    place.write_text(text)
    generator, menu = remedies.plain_linux_command(_guest("centos", "7"), "initrd16")
    assert (generator.argv[-1], menu.argv[-1]) == ("/etc/grub.d/10_linux", "/boot/grub2/grub.cfg")
    subprocess.check_call(generator.argv[:-1] + (str(place),))
    assert place.read_text() == expected
