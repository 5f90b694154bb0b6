"""What a release's numbers say: its series, its place among others, the known faults of its series."""

import sys

import pytest

from pvhready.rules.versions import known_regression, series, sort_key

PMC_CORE = ("the module intel_pmc_core can crash PV guests on newer Intel processors", "5.18")
CLOCK = "the clock loses time over save, restore and migration"
SINGLE = "PV guests come up with a single CPU"


@pytest.mark.parametrize("release,expected", [
    ("6.1.0-50-amd64", (6, 1)), ("7.3-amd64", (7, 3)), ("6.12.107+deb13-amd64", (6, 12)), ("4.19", (4, 19)), ("5.0-rc1", (5, 0)),
    ("6", None), ("6-amd64.1", None), ("6.x.1", None), ("custom", None), ("", None), (None, None),
    ("6.123456", (6, 123456)), ("6.1234567", None), ("6..1", None),
])
def test_the_series(release, expected):
    assert series(release) == expected


@pytest.mark.parametrize("older,newer", [
    ("6.1.0-9-amd64", "6.1.0-10-amd64"), ("6.1.0-rc1", "6.1.0"), ("5.10.0", "6.1.0"), (None, "6.1.0"), ("", "0.1"),
])
def test_the_order(older, newer):
    assert sort_key(older) < sort_key(newer)
    assert sort_key(None) == sort_key("")


@pytest.mark.parametrize("release,pv,pvh", [
    ("5.7.19", None, None), ("5.8", PMC_CORE, None), ("5.8.0-1-amd64", PMC_CORE, None), ("5.17.15", PMC_CORE, None),
    ("5.18", None, None), ("5.18.0", None, None), ("4.8.1", None, None), ("6.8.1", None, None),
    ("6.12.1", (SINGLE, "6.12.25"), None), ("6.12.24", (SINGLE, "6.12.25"), None), ("6.12.25", None, None), ("6.12.107", None, None),
    ("6.12.0-1-amd64", None, None), ("6.12", None, None), ("6.12-rc1", None, None), ("6.11.24", None, None), ("6.13.1", None, None),
    ("4.14.96", (CLOCK, "4.14.97"), (CLOCK, "4.14.97")), ("4.14.97", None, None), ("4.14.96.2", (CLOCK, "4.14.97"), (CLOCK, "4.14.97")),
    ("4.14.97.1", None, None),
    ("4.19.16-1-custom", (CLOCK, "4.19.17"), (CLOCK, "4.19.17")), ("4.19.17", None, None), ("4.19.0-27-amd64", None, None),
    ("4.20.3", (CLOCK, "4.20.4"), (CLOCK, "4.20.4")), ("4.20.4", None, None),
    ("5", None, None), ("custom", None, None), ("", None, None), (None, None, None),
])
def test_the_known_faults(release, pv, pvh):
    assert known_regression(release, "pv") == pv
    assert known_regression(release, "pvh") == pvh


@pytest.mark.parametrize("release", ["6.1.5", "4.18.9", "6.12.0", "5.10.3"])
def test_packaging_is_asked_only_in_a_series_with_known_faults(release, monkeypatch):
    """To import it costs a good part of a check."""
    monkeypatch.setitem(sys.modules, "packaging.specifiers", None)
    for mode in ("pv", "pvh"):
        known_regression(release, mode)
    with pytest.raises(ImportError):
        known_regression("4.19.1", "pvh")
