"""The truth table of the kernel inside: version, XEN, XEN_PV, XEN_PVH, front end, System.map, against what was measured and read."""

import itertools

import pytest

from pvhready.facts import Config, Distribution, Guest, Image, Kernel
from pvhready.host import profile
from pvhready.judge import judge_kernel

VERSIONS = ("3.10.0-1160.el7.x86_64", "4.9.0-14-amd64", "4.11.0-1-generic", "4.15.0-112-generic", "4.18.0-553.el8.x86_64",
            "4.19.0-27-amd64", "4.19.152", "4.20.3", "5.0.1", "5.4.0-216-generic", "6.1.0-50-amd64", "7.3-amd64")
SWITCH = ("y", "n", None)
FRONT_END = ("y", "m", "n", None)
SYMBOL = (True, False, None)  # x86_default_get_root_pointer in System.map; None: no real map

# The first row that fits counts; * fits all. A version fits a row that begins with it. "-" stands for no and for not mentioned.
# version     XEN  PV   PVH  front symbol  -> under PVH
PVH_TABLE = """
  3.            *    *    *    *    *        fails
  4.9           *    *    *    *    *        fails
  4.11          *    *    *    *    *        fails
  4.15          *    *    *    *    *        fails
  4.18          *    *    *    *    *        fails
  4.19          *    *    *    *    no       fails
  4.20          *    *    *    *    no       fails
  *             -    *    *    *    *        fails
  *             y    *    -    *    *        fails
  4.19.0-27     y    *    y    n    unknown  fails
  4.19.152      y    *    y    *    unknown  unknown
  4.20          y    *    y    *    unknown  unknown
  *             y    *    y    n    *        fails
  *             y    *    y    none *        unknown
  *             y    *    y    *    *        boots
"""
# version     XEN  PV   PVH  front symbol  -> under PV
PV_TABLE = """
  *             -    *    *    *    *        fails
  3.            y    *    *    n    *        fails
  4.9           y    *    *    n    *        fails
  4.11          y    *    *    n    *        fails
  3.            y    *    *    none *        unknown
  4.9           y    *    *    none *        unknown
  4.11          y    *    *    none *        unknown
  3.            y    *    *    *    *        boots
  4.9           y    *    *    *    *        boots
  4.11          y    *    *    *    *        boots
  *             y    -    *    *    *        fails
  *             y    y    *    n    *        fails
  *             y    y    *    none *        unknown
  *             y    y    *    *    *        boots
"""
SYMBOLS = {True: "yes", False: "no", None: "unknown"}


def _kernel(version, xen, pv, pvh, front, symbol):
    values = {"X86_64": "y"}
    for name, value in (("XEN", xen), ("XEN_PV", pv), ("XEN_PVH", pvh), ("XEN_BLKDEV_FRONTEND", front)):
        if value is not None:
            values[name] = value
    image = Image(
        "bzimage", "gzip", 64, 9000, version, 0x20F, 0xAA55, setup_sectors=27, loaded_high=True, cmdline_size=2047,
        payload_offset=1000, payload_end=8000, payload_magic="1f8b", code_end=9000)
    config = Config("/boot/config-" + version, values, (), symbol, "/boot/System.map")
    return Kernel("/boot/vmlinuz-" + version, image, version, version, config=config)


def _fits(pattern, value):
    return pattern == "*" or pattern == (value or "none") or pattern == "-" and value in ("n", None)


def _expected(table, version, xen, pv, pvh, front, symbol):
    for line in table.strip().splitlines():
        start, *patterns, answer = line.split()
        if start != "*" and not version.startswith(start):
            continue
        if all(_fits(pattern, value) for pattern, value in zip(patterns, (xen, pv, pvh, front, SYMBOLS[symbol]))):
            return answer
    raise AssertionError("no row fits")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_combination_gets_the_answer_of_its_row(version):
    guest = Guest("PV", distribution=Distribution("debian", "10"))
    for xen, pv, pvh, front, symbol in itertools.product(SWITCH, SWITCH, SWITCH, FRONT_END, SYMBOL):
        answer = judge_kernel(_kernel(version, xen, pv, pvh, front, symbol), profile("bitfolk"), guest)
        case = (xen, pv, pvh, front, symbol)
        assert answer.modes["pvh"] == _expected(PVH_TABLE, version, *case), ("pvh", case, answer.reasons)
        assert answer.modes["pv"] == _expected(PV_TABLE, version, *case), ("pv", case, answer.reasons)


def test_419_is_debians_only_on_debian_and_under_its_name():
    def answer(release, distribution, package=None, has_dpkg=False):
        kernel = _kernel(release, "y", "y", "y", "m", None)._replace(package=package, has_dpkg=has_dpkg)
        return judge_kernel(kernel, profile("bitfolk"), Guest("PV", distribution=Distribution(distribution))).modes["pvh"]

    assert answer("4.19.0-27-amd64", "debian") == "boots"
    assert answer("4.19.0-0.bpo.5-amd64", "debian", "linux-image-4.19.0-0.bpo.5-amd64") == "boots"
    assert answer("4.19.0-0.deb9.24-amd64", "debian", "linux-image-4.19.0-0.deb9.24-amd64") == "boots"
    assert answer("4.19.0-26-cloud-amd64", "devuan") == "boots"
    assert answer("4.19.0-26-rt-686-pae", "debian") == "boots"
    assert answer("4.19.0-27-amd64", "ubuntu") == "unknown"
    for release in ("4.19.0", "4.19.0-27", "4.19.1-27-amd64", "4.19.0-mine-amd64", "4.19.0-rc2-amd64"):
        assert answer(release, "debian") == "unknown"
    assert answer("4.19.0-27-amd64", "debian", "my-own-kernel") == "unknown"
    for release in ("4.19.0-041900-generic", "4.19.0-5-custom", "4.19.0-5-my-amd64"):  # Ubuntu's build, and one's own
        assert answer(release, "debian", "linux-image-" + release, has_dpkg=True) == "unknown"
    assert answer("4.19.0-5-custom", "debian", has_dpkg=True) == "unknown"
    assert answer("4.19.0-27-amd64", "debian", "linux-image-4.19.0-27-amd64", has_dpkg=True) == "boots"


def test_sources_that_contradict_each_other_are_unknown_and_both_are_named():
    from pvhready.facts import Conflict

    kernel = _kernel("6.1.0-50-amd64", "y", "y", "y", "m", None)
    conflict = Conflict("XEN_PVH", "/boot/config-6.1.0-50-amd64", "y", "/lib/modules/6.1.0-50-amd64/config", "n")
    kernel = kernel._replace(config=kernel.config._replace(conflicts=(conflict,)))
    from pvhready.rules.config import judge_config

    (finding,) = judge_config(kernel, "pvh", Guest("PV"))
    assert (finding.id, finding.status) == ("kernel-config-conflict", "unknown")
    assert "/boot/config-6.1.0-50-amd64" in finding.summary and "/lib/modules/6.1.0-50-amd64/config" in finding.summary


@pytest.mark.parametrize("version,expected", [
    ("6.1.170", "boots"), ("6.1.0-50-amd64", "boots"), (None, "boots"), ("4.15.0", "unknown"), ("6.12.1", "unknown"), ("x", "boots"),
])
def test_a_configuration_of_another_release_series_is_unknown(version, expected):
    kernel = _kernel("6.1.0-50-amd64", "y", "y", "y", "m", None)
    kernel = kernel._replace(config=kernel.config._replace(version=version))
    answer = judge_kernel(kernel, profile("bitfolk"), Guest("PV"))
    assert answer.modes["pvh"] == expected
    assert answer.reasons["pvh"] == (() if expected == "boots" else ("kernel-config-conflict",))


@pytest.mark.parametrize("values", [{"XEN_PVH": "y/n"}, {"XEN_PVHVM": "n"}, {"ACPI": "n"}, {"X86_64": "n"}])
def test_a_configuration_that_cannot_be_true_is_unknown(values):
    kernel = _kernel("6.1.0-50-amd64", "y", "y", "y", "m", None)
    kernel.config.values.update(values)
    assert judge_kernel(kernel, profile("bitfolk"), Guest("PV")).modes["pvh"] == "unknown"


def test_32_bit_kernels_of_59_and_newer_have_no_pv_entry():
    kernel = _kernel("6.1.0-50-686-pae", "y", None, "y", "m", None)
    kernel.config.values.pop("X86_64")
    kernel = kernel._replace(image=kernel.image._replace(bits=32))
    answer = judge_kernel(kernel, profile("bitfolk"), Guest("PV", loader_bits=32))
    assert answer.modes == {"pvh": "boots", "pv": "fails"}
    assert answer.reasons["pv"] == ("kernel-xen-pv",)
