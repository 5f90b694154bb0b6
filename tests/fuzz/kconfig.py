"""A kernel's configuration and System.map of any bytes, and what is judged of them."""

from pvhready.facts import MODES, Guest, Image, Kernel
from pvhready.probes.kconfig import config_in, read_config
from pvhready.rules.config import judge_config
from tests.fuzz.places import guest, parts

TOKENS = (
    b"CONFIG_XEN=y\n", b"CONFIG_XEN_PVH=y\n", b"# CONFIG_XEN_PV is not set\n", b"CONFIG_XEN_BLKDEV_FRONTEND=m\n", b"CONFIG_HAS_IOMEM=y\n",
    b"CONFIG_", b"CONFIG_CMDLINE_BOOL=y\n", b'CONFIG_CMDLINE="root=/dev/xvda"\n', b" is not set", b"=", b"\n", b"\n%%\n",
    b" T x86_default_get_root_pointer\n", b"# Linux/x86 6.1.0 Kernel Configuration\n", b"\0", b"\xff", b" B _end\n",
    b"The real System.map is in",
)
_RELEASE = "6.1.0-1-amd64"


def run(data: bytes) -> None:
    """Read it as a file and as bytes: both say the same, and what is judged is known."""
    config, system_map = parts(data, 2)
    with guest({"/boot/config-" + _RELEASE: config, "/boot/System.map-" + _RELEASE: system_map}) as root:
        found = read_config(root, _RELEASE, False)
    inner = config_in(config, "/x", system_map)
    assert found.source is None or found.values == inner.values and found.root_pointer == inner.root_pointer
    for mode in MODES:
        said = judge_config(Kernel("/boot/vmlinuz-" + _RELEASE, Image("bzimage", "xz", 64), _RELEASE, config=found), mode, Guest("PV"))
        assert said
        sure = {"XEN=y", "XEN_BLKDEV_FRONTEND"} <= {"XEN=" + found.values.get("XEN", ""), *found.values}
        assert sure or all(finding.status != "pass" for finding in said), (found, said)
