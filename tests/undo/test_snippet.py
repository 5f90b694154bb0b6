"""The script for /etc/grub.d, on what other systems' 10_linux write."""

import os
import shutil
import subprocess
from typing import Any, List

import pytest

from pvhready.undo import snippet
from support import wanted

_LINUX = r"""#!/bin/sh
cat <<'END'
function gfxmode {
	set gfxpayload="${1}"
}
menuentry 'Bob'\''s Debian' --class debian --unrestricted $menuentry_id_option 'gnulinux-simple-x' {
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	linux	/@/boot/vmlinuz-6.1.0-50-amd64 root=UUID=x ro rootflags=subvol=@
	initrd	/@/boot/initrd.img-6.1.0-50-amd64
}
submenu 'Advanced options' {
	menuentry 'recovery' {
		linux	/@/boot/vmlinuz-6.1.0-50-amd64 root=UUID=x ro single
	}
	menuentry 'older' {
		linux	/vmlinuz-6.1.0-9-amd64 root=UUID=x
	}
	menuentry 'a backport, without arguments' {
		linux	/vmlinuz-6.1.0-9-amd64+bpo.1
	}
}
END
"""
SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]


def menu(folder: str, kept: List[str], linux: str = _LINUX, shell: str = "sh") -> str:
    """Return what the script writes for a /boot that holds the kept kernels of some releases."""
    boot = os.path.join(folder, "boot")
    os.makedirs(boot)
    for release in kept:
        with open("{}/pvhready-{}.elf".format(boot, release), "w", encoding="ascii"):
            pass
    for name, text in (("09_pvhready", snippet.TEXT.replace("ls /boot", "ls " + boot)), ("10_linux", linux)):
        with open(os.path.join(folder, name), "w", encoding="ascii") as handle:
            handle.write(text)
        os.chmod(os.path.join(folder, name), 0o755)
    command = [shell] + (["sh"] if shell == "busybox" else []) + [os.path.join(folder, "09_pvhready")]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode("ascii")


@pytest.mark.parametrize("shell", SHELLS)
def test_entries(tmp_path: Any, shell: str) -> None:
    text = menu(str(tmp_path), ["6.1.0-9-amd64", "6.1.0-50-amd64", "6.1.0-9-amd64+bpo.1", "5.10.0-1-amd64"], shell=shell)
    lines = [line.strip() for line in text.split("\n")]
    assert lines[0] == 'if [ "$grub_platform" = xen ]; then'
    assert 'set default="pvhready-6.1.0-50-amd64"' in lines
    assert [line for line in lines if line.startswith("linux")] == [
        "linux\t/@/boot/pvhready-6.1.0-50-amd64.elf root=UUID=x ro rootflags=subvol=@",
        "linux\t/pvhready-6.1.0-9-amd64+bpo.1.elf", "linux\t/pvhready-6.1.0-9-amd64.elf root=UUID=x",
    ]
    heads = [line for line in lines if line.startswith("menuentry")]
    assert ["--unrestricted" in head for head in heads] == [True, False, False]
    checker = wanted.tool("grub-script-check", "grub-common")
    subprocess.run([checker], input=text.encode("ascii"), check=True)


@pytest.mark.parametrize("kept, linux", [
    ([], _LINUX), (["6.1.0-51-amd64"], _LINUX), (["6.1.0-50-amd64"], "#!/bin/sh\nexit 1\n"),
    (["6.1.0-50-amd64"], "#!/bin/sh\necho blscfg\n"),
])
def test_nothing_is_written_where_there_is_nothing(tmp_path: Any, kept: List[str], linux: str) -> None:
    assert menu(str(tmp_path), kept, linux) == ""
