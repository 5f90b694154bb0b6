"""/etc/pvhready.conf: what it may say, what is wrong with it, and who obeys it."""

import os

import pytest

from pvhready.errors import UsageError
from pvhready.settings import HOOKS, PATH, Settings, parse
from support.live import Live

EXAMPLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "pvhready", "data", "hooks", "pvhready.conf")


def test_an_empty_file_leaves_all_as_it_is():
    assert parse("") == Settings() == parse("# nothing\n\n[check]\n[hooks]\n")


def test_all_keys():
    settings = parse(
        "[check]\nhost = debian-12+linux16\nskip = console-silent, hack-hook-active\n[guest]\nassume: pv\n"
        "[hooks]\napt = no\nAPT-PRE-INSTALL = Yes\nblock=on\n"
        "[exporter]\nlisten = 127.0.0.1:9843\ninterval = 60\nweb-config = /w\ntextfile = /t\n")
    assert settings.host == "debian-12+linux16" and settings.skip == ("console-silent", "hack-hook-active") and settings.assume == "pv"
    assert settings.hooks == dict(HOOKS, **{"apt": False, "apt-pre-install": True}) and settings.block
    assert settings[-4:] == ("127.0.0.1:9843", 60.0, "/w", "/t")


def test_the_example_is_right_and_shows_every_key_with_its_default():
    with open(EXAMPLE, encoding="utf-8") as handle:
        text = handle.read()
    assert parse(text) == Settings()
    keys = "\n".join(line.lstrip("#") for line in text.splitlines() if line.startswith("#") and line[1:2] != " " or line.startswith("["))
    settings = parse(keys)
    assert None not in settings and settings.host == "bitfolk"
    assert settings.hooks == HOOKS and settings.block is False


@pytest.mark.parametrize("text, line, what", [
    ("host = bitfolk\n", 1, "a section has to come first"),
    ("[check]\n\nhost = debian-99\n", 3, "no host profile"),
    ("[check]\nskip = no-such-check\n", 2, "no check no-such-check"),
    ("[check]\nhost = bitfolk\nhost = bitfolk\n", 3, "second time"),
    ("[check]\n[guest]\n[check]\n", 3, "second time"),
    ("[check]\nhosts = bitfolk\n", 2, "[check] has no hosts"),
    ("[cheque]\n", 1, "no section [cheque]"),
    ("[guest]\nassume = pvx\n", 2, "one of pv, pvh, hvm"),
    ("[hooks]\napt = maybe\n", 2, "yes or no"),
    ("[hooks]\napt\n", 2, "neither"),
    ("[hooks]\n# apt\nblock =\n", 3, "no value"),
    ("[exporter]\ninterval = often\n", 2, "seconds"),
    ("[exporter]\ninterval = 0\n", 2, "seconds"),
    ("[exporter]\ninterval = \u00b2\n", 2, "seconds"),
    ("[exporter]\ninterval = " + "1" * 5000 + "\n", 2, "seconds"),
])
def test_what_is_wrong_is_told_with_its_line(text, line, what):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value).startswith("{} line {}: ".format(PATH, line))
    assert what in str(caught.value) and str(caught.value).endswith("mend that line")


@pytest.fixture
def live(guest):
    return Live(guest())


def test_the_running_system_is_judged_as_the_file_says(live):
    live.write(PATH, "[check]\nhost = debian-12\nskip = console-silent\n[guest]\nassume = pv\n")
    said = live.pvhready("check").out
    assert "PV (assumed)" in said and "profile debian-12" in said
    assert "PV (assumed)" not in live.pvhready("check", "--assume-guest", "pvh").out
    assert "profile upstream-2.06" in live.pvhready("check", "--host", "upstream-2.06").out


def test_a_skipped_check_is_a_warning(live):
    with open(live.path("/boot/grub/grub.cfg"), encoding="utf-8") as handle:
        text = handle.read().replace("console=hvc0", "")
    live.write("/boot/grub/grub.cfg", text)
    live.write(PATH, "[check]\nskip = console-silent\n")
    assert "skipped at your wish" in live.pvhready("check", "-v", "--assume-guest", "pv").out
    assert "skipped at your wish" not in live.pvhready("check", "-v", "--assume-guest", "pv", "--skip", "hack-helper").out


def test_a_guest_elsewhere_is_judged_without_it(live, guest):
    live.write(PATH, "[guest]\nassume = pv\n")
    mounted = Live(guest())
    assert "PV (assumed)" not in live.pvhready("check", "--root", mounted.directory).out
    assert "PV (assumed)" in live.pvhready("check", "--root", "/").out
    mounted.write(PATH, "nonsense")
    assert live.pvhready("check", "--root", mounted.directory).code in (0, 1)


@pytest.mark.parametrize("command", [("check",), ("kernels",), ("entries",), ("plan",), ("image", "/boot/vmlinuz-6.1.0-50-amd64")])
def test_a_broken_file_is_a_clear_error(command, live):
    live.write(PATH, "[check]\nhost = nobody\n")
    output = live.pvhready(*command)
    assert (output.code, output.out) == (64, "")
    assert output.err.startswith("pvhready: {} line 2: no host profile is called 'nobody'".format(PATH))
    assert live.pvhready("explain").code == 0 and live.pvhready("demo", "--list").code == 0


def test_a_file_that_is_none(live):
    os.mkfifo(live.path(PATH))
    output = live.pvhready("check")
    assert output.code == 64 and "is a FIFO, not a file" in output.err
    os.unlink(live.path(PATH))
    with open(live.path(PATH), "wb") as handle:
        handle.write(b"[check]\n# \xff\n")
    assert "line 2: it is not text in UTF-8" in live.pvhready("check").err
    live.write(PATH, "#" * 100000)
    assert "larger than 65536 bytes" in live.pvhready("check").err
