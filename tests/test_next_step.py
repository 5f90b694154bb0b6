"""What a reader is told to do next: by a user without rights, in a rescue system, and where a program is missing."""

import json
import os
import re
import sys

import pytest

from pvhready.cli import main
from pvhready.demo.image import elf_kernel
from pvhready.facts import Facts, Guest, Problem
from pvhready.findings import Finding, command
from pvhready.host import profile
from pvhready.judge import judge
from pvhready.report.text import is_of_the_guest
from support import wanted


@pytest.fixture
def denied(guest):
    """A guest whose /boot may not be looked into, and how to run a program that has no right to."""
    prefix = ()
    if os.geteuid() == 0:
        prefix = (wanted.tool("setpriv", "util-linux"), "--bounding-set=-dac_override,-dac_read_search")
    directory = guest()
    os.chmod(directory + "/boot", 0)
    yield directory, prefix
    os.chmod(directory + "/boot", 0o755)


def test_kernels_that_cannot_be_seen_are_not_said_to_be_missing(denied, pvhready):
    directory, prefix = denied
    for form in ("text", "json"):
        output = pvhready("kernels", "--root", directory, "--format", form, prefix=prefix)
        assert (output.code, output.out) == (77, "")
        assert "only root may read /boot" in output.err and "sudo" in output.err


def test_what_lies_below_is_not_named_once_more(denied, pvhready):
    directory, prefix = denied
    report = pvhready.check(directory, prefix=prefix)
    (access,) = [check for check in report["checks"] if check["id"] == "access"]
    assert report["verdict"] == "unknown"
    assert [evidence["path"] for evidence in access["evidence"]] == ["/boot"]
    assert len([check for check in report["checks"] if check["id"] == "access"]) == 1


def test_every_command_that_is_refused_says_what_to_type(denied, pvhready):
    directory, prefix = denied
    for words in (("check",), ("plan",), ("entries",), ("undo",), ("kernels",)):
        output = pvhready(*words, "--root", directory, prefix=prefix)
        text = output.out + output.err
        assert output.code in (2, 3, 77) and ("sudo" in text or os.geteuid() == 0 and words[0] in ("check", "plan")), (words, text)


def test_a_plan_installs_no_kernel_because_none_could_be_seen(denied, pvhready):
    directory, prefix = denied
    plan = pvhready.json("plan", "--root", directory, "--assume-guest", "pv", prefix=prefix)
    assert plan["exit"] == 3
    assert not [step for step in plan["steps"] if step["id"] == "install-kernel" and step["state"] == "to-do"]


def test_what_is_for_the_guest_is_not_typed_in_the_rescue_system(guest, pvhready):
    """update-grub there would write the rescue system's own menu."""
    directory = guest(cmdline="")
    text = pvhready("check", "--root", directory).out
    assert "      # in the guest: write the menu anew\n      update-grub\n" in text
    assert "Next: in the guest (chroot {}): ".format(directory) in " ".join(text.split())


def test_what_is_for_the_machine_at_hand_is_not_said_to_be_for_the_guest():
    reads = command("install what reads it", "apt-get", "install", "zstd")
    assert not is_of_the_guest(Finding("initramfs-unreadable", "unknown", "both", "", ""), reads)
    assert not is_of_the_guest(Finding("access", "unknown", "both", "", ""), command("again", "sudo", "pvhready", "check"))
    assert is_of_the_guest(Finding("console-silent", "warn", "both", "", ""), command("write it", "update-grub"))


def test_root_types_no_sudo(tmp_path, pvhready):
    from pvhready.demo.guests import make

    make("ubuntu-20.04-hack", str(tmp_path))
    checks = pvhready.check(str(tmp_path))["checks"]
    commands = [remedy["argv"] for check in checks if check["id"] == "image-not-bzimage" for remedy in check["remedies"]]
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    assert commands == [prefix + ["pvhready", "undo", "--root", str(tmp_path)]]
    assert "--root" not in pvhready("demo", "ubuntu-20.04-hack").out and "sudo" not in pvhready("demo", "ubuntu-20.04-hack").out


def test_an_archive_that_no_program_reads_is_not_to_be_built_anew(guest, monkeypatch, capsys):
    """What reads it comes first: only then it is seen whether it lacks something."""
    for name in ("zstandard", "compression", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("pvhready.unpack.program._PLACES", ())
    assert main(["check", "--root", guest(compression="zstd"), "--format", "json"]) == 3
    report = json.loads(capsys.readouterr().out)
    said = {check["id"]: check for check in report["checks"] if check["status"] == "unknown"}
    assert [remedy["argv"] for remedy in said["initramfs-unreadable"]["remedies"]] == [["apt-get", "install", "zstd"]]
    assert said["root-driver"]["remedies"] == []


def test_images_are_shown_with_what_stands_against_them(tmp_path, pvhready):
    (tmp_path / "vmlinuz").write_bytes(elf_kernel("6.1.0-50-amd64", 64))
    output = pvhready("image", str(tmp_path / "vmlinuz"), str(tmp_path / "nothing"), environment={"COLUMNS": "300"})
    assert re.search("because of .*image-not-bzimage", output.out) and "no such file" in output.out, output.out


def test_a_denied_path_is_no_problem_besides():
    problems = (Problem("/boot", "permission denied"), Problem("/x", "y"))
    facts = Facts("/", False, "2026-01-01", Guest("PV"), denied=("/boot",), problems=problems)
    said = [check.summary for check in judge(facts, profile("bitfolk")).checks if check.id == "access"]
    assert said == ["/boot could not be read for lack of rights", "/x: y"]


@pytest.mark.parametrize("mode, target, said", [
    ("pv", "pvh", "virtmode pvh"), ("pvh", "pvh", ""), ("pv", "pv", ""), ("pvh", "pv", "virtmode pv"),
])
def test_a_guest_that_is_ready_is_switched_where_it_is_not_in_that_mode_yet(mode, target, said, guest, pvhready):
    text = pvhready("check", "-q", "--root", guest(), "--assume-guest", mode, "--target", target).out
    assert text.startswith("READY: ") and ("Next: switch it in the provider's shell (at BitFolk: {})".format(said) in text) == bool(said)
    assert ("Next:" in text) == bool(said)
