"""Hooks that decompress kernels, in the forms that are known, and hooks that only look so."""

import os
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvhready.facts import Hack, Hook, Problem
from pvhready.probes import shell
from pvhready.probes.hack import find_hack
from pvhready.probes.packages import Owners
from pvhready.probes.script import IMAGE, deeds
from pvhready.root import Denied, File, Root

# Each text is our own, written after what the form is known to do.

V1 = """#!/bin/sh
# Unpack lz4 kernels in place.
IMG="$2"
if ! command -v /usr/local/sbin/extract-vmlinux >/dev/null; then
    echo >&2 "no extract-vmlinux, and it's needed"
    exit 1
fi
command -v lz4 >/dev/null || exit 1
magic=$(printf '\\002!L\\030')
if grep -aq "$magic" "$IMG"; then
    out=$(mktemp /var/tmp/decompress-lz4-XXXX)
    trap 'rm -f $out' 0
    if /usr/local/sbin/extract-vmlinux "$IMG" > "$out"; then
        readelf -h "$out" >/dev/null || exit 1
        mv "$out" "$IMG"
    fi
fi
"""

FILE_FORM = """#!/bin/bash
RELEASE="$1"
IMG="$2"
PATH="${{PATH}}:/usr/local/bin"
OUT=$(mktemp /tmp/decompress-kernel-XXXXX)
if echo "$(file -b "${{IMG}}")" | grep -q "bzImage"; then
    {test}
    if extract-vmlinux ${{IMG}} > ${{OUT}}; then
        if ! readelf -h ${{OUT}} > /dev/null; then exit 1; fi
        cp -v ${{OUT}} ${{IMG}}
    fi
elif echo "$(file -b "${{IMG}}")" | grep -q "^ELF"; then
    echo "already unpacked"
fi
"""
V2 = FILE_FORM.format(test="""MAGIC="$(printf '\\002!L\\030')"; grep -aqo "${MAGIC}" ${IMG} || exit 0""")
V3 = FILE_FORM.format(test=":")
V5 = FILE_FORM.format(test="if ! grep -qoa BZh ${IMG}; then exit 0; fi")

V4 = """#!/bin/sh
IMG="$2"
/usr/share/gandi/decompress-kernel "${IMG}"
"""
V4_CALLED = """#!/bin/sh
IMG="$1"
if grep -aq "$(printf '(\\265/\\375')" "${IMG}"; then
    raw=$(mktemp /tmp/raw-kernel-XXXX)
    /usr/share/gandi/extract-vmlinux "${IMG}" > "${raw}"
    mv "${raw}" "${IMG}"
fi
"""
EXTRACT = "#!/bin/sh\nimg=$1\ntmp=$(mktemp /tmp/vmlinux-XXX)\ntail -c+20 $img | unxz > $tmp\nreadelf -h $tmp && cat $tmp\n"

POSTINST = "/etc/kernel/postinst.d/"
Tree = Dict[str, Union[str, Tuple[str, int]]]


def make(top: Path, tree: Tree) -> Path:
    """Make files: a text is an executable, (text, mode) a file, and "-> TARGET" a link."""
    for path, content in tree.items():
        place = top / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        text, mode = content if isinstance(content, tuple) else (content, 0o755)
        if text.startswith("-> "):
            place.symlink_to(text[3:])
        else:
            place.write_bytes(text.encode("utf-8", "surrogateescape"))
            place.chmod(mode)
    return top


def find(top: Path, tree: Tree) -> Hack:
    with Root(str(make(top, tree))) as root:
        return find_hack(root, Owners(root))


def find_one(top: Path, tree: Tree) -> Optional[Hook]:
    hack = find(top, tree)
    assert hack.problems == ()
    assert len(hack.hooks) < 2
    return hack.hooks[0] if hack.hooks else None


@pytest.mark.parametrize("form, name, text, helpers", [
    ("V1", "bitfolk-decompress-lz4-kernels", V1, ["/usr/local/sbin/extract-vmlinux"]),
    ("V1", "zz-lz4", V1, ["/usr/local/sbin/extract-vmlinux"]),
    ("V2", "some-name", V2, ["/usr/local/bin/extract-vmlinux"]),
    ("V3", "kernel-decompress-hook", V3, ["/usr/local/bin/extract-vmlinux"]),
    ("V4", "gandi-decompress-kernel", V4, ["/usr/share/gandi/decompress-kernel", "/usr/share/gandi/extract-vmlinux"]),
    ("V5", "extract-vmlinux", V5, ["/usr/local/bin/extract-vmlinux"]),
])
def test_forms_seen_in_the_wild(tmp_path: Path, form: str, name: str, text: str, helpers: List[str]) -> None:
    tree: Tree = {path: V4_CALLED if path.endswith("decompress-kernel") else EXTRACT for path in helpers}
    tree[POSTINST + name] = text
    hack = find(tmp_path, tree)
    assert hack.hooks == (Hook(POSTINST + name, form, True, "run for each new kernel", None, helpers[0]),)
    assert hack.helpers == tuple(helpers)
    assert hack.problems == ()


IN_PLACE = [
    'tail -c +16385 "$2" | unlz4 > /tmp/x && mv /tmp/x "$2"',
    'dd if="$2" bs=1 skip=16384 | lz4 -d - /tmp/x; install -m 600 /tmp/x "$2"',
    'dd if="$2" of=/tmp/p bs=1 skip=16384\nunzstd -c /tmp/p > /tmp/x\ncat /tmp/x > /boot/vmlinuz-$1',
    'k=/boot/vmlinuz-"$1"; zstd -dc < "$k" > "$k.tmp"; mv -f -- "$k.tmp" "$k"',
    'for k in /boot/vmlinuz-*; do extract-vmlinux "$k" >/tmp/x && cp /tmp/x "$k"; done',
    'ls /boot/vmlinuz-* | while read k; do extract-vmlinux "$k" >/tmp/x && cp /tmp/x "$k"; done',
    'unpack() {\n  extract-vmlinux "$1" > "$2"\n}\nunpack "$2" /tmp/x\nmv /tmp/x "${2}"',
    'function go {\n  local img=$1 out; out=$(mktemp)\n  if extract-vmlinux "$img" > "$out"; then cp "$out" "$img"; fi; }\ngo "$2"',
    'X="/opt/extract-vmlinux"; K="${2:-/boot/vmlinuz-$1}"; "$X" "$K" | sponge "$K"',
    'sh -c "extract-vmlinux $2 > /tmp/x; mv /tmp/x $2"',
    'bash -euc "extract-vmlinux $2 > /tmp/x; mv /tmp/x $2"',
    'U="lz4 -dc"; $U "$2" > /tmp/x; mv /tmp/x $2',
    'shift\nextract-vmlinux "$1" > /tmp/x; sudo mv /tmp/x "$1"',
    'D=$(dirname "$2"); zcat "$2" > $D/.new; mv $D/.new "$D/vmlinuz-$1"',
    'cat <<EOF\nit\'s an "unfinished quote\nEOF\nextract-vmlinux $2 >/tmp/x;mv /tmp/x $2',
    'nice -n 19 extract-vmlinux "$2" > /tmp/x && ionice -c3 nice mv /tmp/x "$2"',
    'env -i PATH=/bin timeout -k 5 60s extract-vmlinux "$2" > /tmp/x; flock -n /run/lock mv /tmp/x "$2"',
    'lz4 -dc <(tail -c +16385 "$2") > /tmp/x; mv /tmp/x "$2"',
    "ls /boot/vmlinuz-* | xargs -I {} sh -c 'extract-vmlinux {} > {}.x; mv {}.x {}'",
    "find /boot -name 'vmlinuz-*' -exec sh -c 'extract-vmlinux {} > {}.x; mv {}.x {}' \\;",
    'main() { extract-vmlinux "$2" > "$2.t" && mv "$2.t" "$2"; }\nmain "$@"',
    'for k in "$@"; do [ -f "$k" ] || continue; extract-vmlinux "$k" > /tmp/x; mv /tmp/x "$k"; done',
    'extract-vmlinux \\\n  "$2" \\\n  > /tmp/x\nmv /tmp/x \\\n "$2"',
]


@pytest.mark.parametrize("text", IN_PLACE)
def test_other_ways_to_do_it(tmp_path: Path, text: str) -> None:
    hook = find_one(tmp_path, {POSTINST + "zz-unpack": "#!/bin/sh\n" + text + "\n"})
    assert hook and (hook.form, hook.active) == ("other", True)


@pytest.mark.parametrize("call, image", [
    ('exec {} "$@"', "$2"), ("{} $@", "$2"), ('sh {} "$2"', "$1"), ('bash -e {} "$1" "$2"', "$2"), (". {}", "$2"), ("source {} $2", "$1"),
    ("find /boot -name 'vmlinuz-*' -exec {} {{}} \\;", "$1"), ("find /boot -name 'vmlinuz-*' -print0 | xargs -0 -r -n1 {}", "$1"),
    ('timeout 60 {} "$2"', "$1"),
])
def test_scripts_that_a_hook_passes_its_arguments_to(tmp_path: Path, call: str, image: str) -> None:
    called = "#!/bin/sh\nextract-vmlinux {0} > {0}.new && mv {0}.new {0}\n".format(image)
    tree: Tree = {POSTINST + "zz-unpack": "#!/bin/sh\n" + call.format("/opt/xen/kernel.sh") + "\n", "/opt/xen/kernel.sh": called}
    hook = find_one(tmp_path, tree)
    assert hook and hook.active and hook.helper == "/opt/xen/kernel.sh"
    called = "#!/bin/sh\nextract-vmlinux {0} > /tmp/x\n".format(image)
    tree = {POSTINST + "zz-unpack": "#!/bin/sh\n" + call.format("/opt/xen/other.sh") + "\n", "/opt/xen/other.sh": called}
    assert find_one(tmp_path / "other", tree) is None


INNOCENT = [
    "# extract-vmlinux \"$2\" > /tmp/x; mv /tmp/x \"$2\"",
    "echo 'extract-vmlinux $2 > x; mv x $2'",
    'command -v extract-vmlinux && mv /tmp/x "$2"',
    'extract-vmlinux "$2" > /usr/lib/debug/boot/vmlinux-$1',  # another file: for a debugger
    'zcat "$2" > /boot/vmlinux-$1',
    'mv "$2" "$2.bak"; lz4 -d /tmp/a /tmp/b',
    'gzip -9 < /tmp/x > /tmp/y; mv /tmp/y "$2"',  # nothing of the image
    'unpack() { extract-vmlinux "$2" > /tmp/x; mv /tmp/x "$2"; }',  # never called
    'cp /lib/modules/$1/vmlinuz "$2"; zstd -d /lib/firmware/a.zst',  # what an undo would do
    'sbsign --output "$2.signed" "$2"; mv "$2.signed" "$2"; unxz /tmp/a.xz',
    "ls /boot/vmlinuz-* | xargs -n 1 ls -l; find /boot -name 'vmlinuz-*' -exec chmod 600 {} +; unxz /tmp/a.xz",
    'cat <(unlz4 /tmp/a) > /tmp/b; timeout 5 mv /tmp/c "$2"',
    'update-initramfs -c -k "$1"; xz -d /tmp/a; update-grub',
    'unlz4 < "/boot/initrd.img-$1" | cpio -t; echo "vmlinuz-$1" > /run/last',
    'BT=/boot/firmware; mv $BT/vmlinux $BT/vmlinux.bak; zcat $BT/vmlinuz > $BT/vmlinux',  # a Raspberry Pi
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_not_the_hack(tmp_path: Path, text: str) -> None:
    assert find_one(tmp_path, {POSTINST + "zz-unpack": "#!/bin/sh\n" + text + "\n"}) is None


def test_raspberry_pi_is_not_flagged(tmp_path: Path) -> None:
    assert find(tmp_path, {
        "/etc/apt/apt.conf.d/999_decompress_rpi_kernel": 'DPkg::Post-Invoke {"/bin/bash /boot/firmware/auto_decompress_kernel"; };\n',
        "/boot/firmware/auto_decompress_kernel": "#!/bin/bash -e\n" + INNOCENT[-1] + "\n",
        POSTINST + "zzz-decompress-kernel": "#!/bin/sh\n/boot/firmware/auto_decompress_kernel\n",
    }) == Hack()


@pytest.mark.parametrize("name, mode, active, why", [
    ("unpack", 0o755, True, "run for each new kernel"),
    ("unpack", 0o644, False, "not executable"),
    ("unpack.sh", 0o755, False, "run-parts skips such names"),
    ("unpack.disabled", 0o755, False, "run-parts skips such names"),
    ("unpack~", 0o755, False, "run-parts skips such names"),
    ("unpack.dpkg-old", 0o644, False, "not executable"),
    ("\u00fcnpack", 0o755, False, "run-parts skips such names"),
])
def test_active_or_inert(tmp_path: Path, name: str, mode: int, active: bool, why: str) -> None:
    tree: Tree = {"/usr/local/sbin/extract-vmlinux": EXTRACT, "/var/lib/dpkg/status": ("x", 0o644)}
    tree[POSTINST + name] = (V1, mode)
    hook = find_one(tmp_path, tree)
    assert hook and (hook.active, hook.why) == (active, why)


def test_names_matter_only_to_run_parts(tmp_path: Path) -> None:
    """Fedora's kernel-install runs all executables of /etc/kernel/postinst.d."""
    hook = find_one(tmp_path, {POSTINST + "unpack.sh": V1, "/usr/local/sbin/extract-vmlinux": EXTRACT})
    assert hook and hook.active


@pytest.mark.parametrize("path, active", [
    ("/usr/share/kernel/postinst.d/unpack", True),
    ("/etc/initramfs/post-update.d/unpack", True),
    ("/etc/kernel/install.d/99-unpack.install", True),
    ("/etc/kernel/install.d/99-unpack.install.off", False),
    ("/usr/lib/kernel/install.d/99-unpack.install", True),
])
def test_other_folders(tmp_path: Path, path: str, active: bool) -> None:
    release = "$2" if "install.d" in path.replace("postinst.d", "") else "$1"
    text = '#!/bin/sh\nk=/boot/vmlinuz-{}; extract-vmlinux "$k" > /tmp/x && mv /tmp/x "$k"\n'.format(release)
    hook = find_one(tmp_path, {path: text})
    assert hook and (hook.form, hook.active) == ("other", active)


def test_kernel_install_gives_the_image_as_fourth(tmp_path: Path) -> None:
    text = '#!/bin/bash\n[[ $1 == add ]] || exit 0\nIMAGE="$4"\nextract-vmlinux "$IMAGE" > /tmp/x\nmv /tmp/x "/boot/vmlinuz-$2"\n'
    assert find_one(tmp_path, {"/etc/kernel/install.d/95-x.install": text})


@pytest.mark.parametrize("command", [
    "/bin/sh -c 'for k in /boot/vmlinuz-*; do extract-vmlinux $k > /tmp/x && mv /tmp/x $k; done'",
    "/etc/pacman.d/unpack", "/usr/local/bin/unpack", "/usr/bin/decompress-kernel",
])
def test_pacman_hooks(tmp_path: Path, command: str) -> None:
    called = "#!/bin/sh\nextract-vmlinux /boot/vmlinuz-linux > /tmp/x\nmv /tmp/x /boot/vmlinuz-linux\n"
    text = "[Trigger]\nType = Path\nTarget = boot/vmlinuz-linux\n[Action]\nWhen = PostTransaction\n#Exec = /bin/true\nExec = " + command
    tree: Tree = {"/etc/pacman.d/hooks/90-unpack.hook": (text, 0o644)}
    if not command.startswith("/bin/sh"):
        tree[command] = called
    hook = find_one(tmp_path, tree)
    assert hook and hook.active


def test_masked_and_hidden(tmp_path: Path) -> None:
    hack = find(tmp_path, {
        POSTINST + "gandi-decompress-kernel": "-> /dev/null",
        "/etc/kernel/install.d/99-x.install": "-> /dev/null",
        "/usr/lib/kernel/install.d/99-x.install": V1.replace("$2", "$4"),
        "/usr/share/kernel/postinst.d/gandi-decompress-kernel": V4,
        "/usr/share/gandi/decompress-kernel": V4_CALLED,
    })
    assert hack.problems == ()
    assert [(hook.path, hook.active, hook.why) for hook in hack.hooks] == [
        (POSTINST + "gandi-decompress-kernel", False, "masked by a link to /dev/null"),
        ("/usr/share/kernel/postinst.d/gandi-decompress-kernel", False, "hidden by " + POSTINST + "gandi-decompress-kernel"),
        ("/usr/lib/kernel/install.d/99-x.install", False, "hidden by /etc/kernel/install.d/99-x.install"),
    ]


def test_links_are_followed_inside_the_root(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    hook = find_one(inside, {POSTINST + "unpack": "-> /opt/unpack", "/opt/unpack": V2, POSTINST + "gone": "-> /nowhere"})
    assert hook and hook.path == POSTINST + "unpack"
    outside = make(tmp_path / "outside", {"hook": V2}) / "hook"
    assert find_one(tmp_path / "other", {POSTINST + "unpack": "-> {}".format(outside)}) is None


def test_a_missing_helper_is_told(tmp_path: Path) -> None:
    hack = find(tmp_path, {POSTINST + "bitfolk-decompress-lz4-kernels": V1})
    assert hack.hooks[0].why == "run for each new kernel, but its helper /usr/local/sbin/extract-vmlinux is missing"
    assert hack.helpers == ()


def test_helpers_without_a_hook(tmp_path: Path) -> None:
    hack = find(tmp_path, {
        "/usr/local/sbin/extract-vmlinux": (EXTRACT, 0o644),
        "/usr/src/linux-headers-6.1.0-50-common/scripts/extract-vmlinux": EXTRACT,
    })
    assert hack == Hack(helpers=("/usr/local/sbin/extract-vmlinux",))


def test_the_helper_of_a_headers_package_is_not_ours(tmp_path: Path) -> None:
    helper = "/usr/src/linux-headers-6.1/scripts/extract-vmlinux"
    hack = find(tmp_path, {POSTINST + "x": '#!/bin/sh\n{} "$2" >/tmp/x; mv /tmp/x "$2"\n'.format(helper), helper: EXTRACT})
    assert [(hook.form, hook.helper) for hook in hack.hooks] == [("other", helper)]
    assert hack.helpers == ()


def test_package_of_a_hook(tmp_path: Path) -> None:
    hook = find_one(tmp_path, {
        POSTINST + "gandi-decompress-kernel": V4, "/usr/share/gandi/decompress-kernel": V4_CALLED,
        "/usr/share/gandi/extract-vmlinux": EXTRACT,
        "/var/lib/dpkg/status": ("Package: gandi-hosting-vm2\nConffiles:\n {}gandi-decompress-kernel 00\n".format(POSTINST), 0o644),
    })
    assert hook and hook.package == "gandi-hosting-vm2"


def test_other_languages(tmp_path: Path) -> None:
    text = "#!/usr/bin/python3\nimport os, subprocess, sys\n{}\nos.rename('/tmp/x', sys.argv[2])\n"
    bad = text.format("subprocess.call('extract-vmlinux %s > /tmp/x' % sys.argv[2], shell=True)")
    good = text.format("# extract-vmlinux is not called")
    hook = find_one(tmp_path, {POSTINST + "bad": bad, POSTINST + "good": good})
    assert hook and hook.path == POSTINST + "bad"


def test_what_cannot_be_read_or_understood_is_told(tmp_path: Path) -> None:
    make(tmp_path, {
        POSTINST + "big": "#" * 200000, POSTINST + "program": "\x7fELF", POSTINST + "empty": "",
        POSTINST + "broken": "unlz4 $2 > '\nmv x $2",
    })
    os.mkfifo(str(tmp_path / POSTINST.strip("/") / "fifo"))
    os.mkdir(str(tmp_path / POSTINST.strip("/") / "folder"))
    assert find(tmp_path, {}).problems == (
        Problem(POSTINST + "big", "larger than 131072 bytes"),
        Problem(POSTINST + "broken", "cannot be understood: line 1: a quote does not end"),
        Problem(POSTINST + "fifo", "is a FIFO, not a file"),
        Problem(POSTINST + "program", "a program, not a script: what it does cannot be told"),
    )


def test_denied_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gandi's hook may be read by root only."""
    path = POSTINST + "gandi-decompress-kernel"
    make(tmp_path, {path: V4})

    def refuse(self: Root, name: str) -> File:
        raise Denied(name)

    monkeypatch.setattr(Root, "open", refuse)
    assert find(tmp_path, {}).problems == (Problem(path, "permission denied"),)


@pytest.mark.parametrize("text", [
    "f() {\n f; f; f; f\n}\nf unlz4", "a=x\n" + "a=$a$a\n" * 5000 + "unlz4", "$(" * 3000, "`" * 3001, "for a in 1; do " * 5000,
    "f() { g; g; g; g; g; }\ng() { h; h; h; h; h; }\nh() { i; i; i; i; i; }\ni() { " + "$x" * 9000 + "; }\nf\n" * 50,
    "x=" + "${x:-" * 500 + "}" * 500, "cat <<A <<B\n" * 1000, "\\\n" * 60000, "f() {\n" * 2000,
])
def test_hostile_scripts_end(text: str) -> None:
    deeds(text, ["VERSION", IMAGE])


@settings(max_examples=300, deadline=None)
@given(st.text("ab$2{}()\"'`\\\n |&;<>=#!-/ \t", max_size=60), st.sampled_from(["", "unlz4 $2 >", "f() {", "mv $2 "]))
def test_any_script_is_followed_or_refused(text: str, start: str) -> None:
    deeds(start + text, ["VERSION", IMAGE])
    try:
        for command in shell.commands(text):
            assert command.words or command.redirections
            assert 1 <= command.line <= text.count("\n") + 1
    except shell.Malformed as error:
        assert 1 <= error.line <= text.count("\n") + 1
