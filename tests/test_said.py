"""What was said last is said again while nothing has changed: then, and in no other case."""

import marshal
import os
import time
from binascii import crc32

import pytest

from pvhready.memory import said
from pvhready.memory.folder import Folder
from support import trees
from support.live import Live

FOLDER = "/var/cache/pvhready"
FALSE = "not what a check says\n"


@pytest.fixture
def live(guest):
    machine = Live(guest())
    time.sleep(2.1)  # until its files have settled
    return machine


def say(live, *arguments, **options):
    variables = dict(dict(os.environ, COLUMNS="90"), **options)
    return live.pvhready("check", "--assume-guest", "pv", *arguments, environment=variables)


def falsify(live, kind="text"):
    """Let the memory hold other words, so that it shows when they are said."""
    path = live.path("{}/said-{}".format(FOLDER, kind))
    with open(path, "rb") as handle:
        head, body = handle.read().split(b"\n", 1)
    assert head == b"pvhready said 1 %08x" % crc32(body)
    key, code, words = marshal.loads(body)
    body = marshal.dumps((key, code, FALSE), 2)
    with open(path, "wb") as handle:
        handle.write(b"pvhready said 1 %08x\n" % crc32(body) + body)
    return words


@pytest.mark.slow
def test_it_is_said_again_and_only_for_the_same_question(live):
    first = say(live)
    assert first.code in (0, 1, 2, 3) and first.out.startswith("pvhready")
    assert falsify(live) == first.out
    assert say(live) == first._replace(out=FALSE)
    for arguments, options in (
        (("--host", "debian-12"), {}), (("--target", "pv"), {}), (("--target", "pvh"), {}), (("-v",), {}), (("-q",), {}),
        (("--color", "always"), {}), (("--skip", "console-silent"), {}), (("--format", "json"), {}), (("--deep",), {}),
        ((), {"COLUMNS": "60"}),
    ):
        say(live)
        falsify(live)
        assert FALSE not in say(live, *arguments, **options).out, (arguments, options)
    say(live)
    falsify(live)
    assert say(live, "--exit-zero").code == 0


@pytest.mark.slow
def test_it_is_not_said_again_once_something_has_changed(live):
    first = say(live)
    for name in (trees.GRUB_CFG, "/boot/vmlinuz-" + trees.RELEASE, "/etc/default/grub"):
        falsify(live)
        assert say(live).out == FALSE
        os.utime(live.path(name))
        assert say(live) == first
        time.sleep(2.1)
        assert say(live) == first  # it has settled, and is remembered anew
    falsify(live)
    live.write("/etc/fstab", "/dev/xvda1 / ext4 defaults 0 1\n/dev/sdz9 /srv ext4 defaults 0 2\n")
    assert "sdz9" in say(live).out
    falsify(live)
    os.remove(live.path("/boot/initrd.img-" + trees.RELEASE))
    assert say(live).code == 2
    os.remove(live.path(FOLDER + "/facts"))
    assert say(live).code == 2


@pytest.mark.slow
def test_json_is_remembered_by_itself(live):
    document, text = say(live, "--format", "json"), say(live)
    assert falsify(live, "json") == document.out and falsify(live) == text.out
    assert say(live, "--format", "json").out == say(live).out == FALSE


def test_what_is_odd_about_the_file_is_as_if_there_were_none(tmp_path):
    folder = Folder(str(tmp_path / "memory"), os.geteuid())
    said.remember(folder, "text", ("a", 1), 2, "words\u00fc\n")
    assert said.recall(folder, "text", ("a", 1)) == (2, "words\u00fc\n")
    assert said.recall(folder, "text", ("a", 2)) is None and said.recall(folder, "json", ("a", 1)) is None
    path = tmp_path / "memory" / "said-text"
    whole = path.read_bytes()
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        assert said.recall(folder, "text", ("a", 1)) is None
    for body in (b"", b"x", marshal.dumps(1), marshal.dumps((("a", 1), "2", "words")), marshal.dumps((("a", 1), 2, b"words"))):
        path.write_bytes(b"pvhready said 1 %08x\n" % crc32(body) + body)
        assert said.recall(folder, "text", ("a", 1)) is None
    said.remember(folder, "text", 1, 0, "x" * said.MAX_SIZE)
    assert said.recall(folder, "text", 1) is None
