"""What is said of the decompression hack: its hooks, its helpers and the kernels that it left."""

import pytest

from pvhready.facts import Distribution, Facts, Guest, Hack, Hook, Image, Kernel, Problem
from pvhready.kept import kept_path
from pvhready.rules.hack import decompressed_kernels, judge_hack

HOOK = Hook("/etc/kernel/postinst.d/decompress", "V1", True)


def kernel(path, container="elf", package=None):
    return Kernel(path, Image(container), "6.1.0", "6.1.0", package=package)


def judged(hack, kernels, target):
    guest = Guest("PV", distribution=Distribution("ubuntu", "20.04"))
    return judge_hack(Facts("/", True, "2026-01-01", guest, hack=hack, kernels=kernels), target)


@pytest.mark.parametrize("hack,kernels,expected", [
    (Hack(), (), [("hack", "pass", "no trace of it")]),
    (Hack(), (kernel("/boot/vmlinuz-1", "bzimage"),), [("hack", "pass", "no trace of it")]),
    (Hack(), (kernel("/boot/vmlinuz-1"),), [("hack-kernel", "info", "stands decompressed; no package owns it")]),
    (Hack(), (kernel("/boot/vmlinuz-1", package="p"),), [("hack-kernel", "info", "stands decompressed; package p ships it compressed")]),
    (Hack(helpers=("/x",)), (), [("hack-helper", "info", "a helper of decompression hooks")]),
    (Hack(problems=(Problem("/x", "is a FIFO"),)), (), [("hack-unreadable", "warn", "may be a hook, and cannot be read: is a FIFO")]),
    (Hack((HOOK._replace(active=False, why="not executable"),)), (),
     [("hack-hook-inert", "info", "a decompression hook that does not run (not executable)")]),
    (Hack((HOOK._replace(active=False, why="w", package="p"),)), (),
     [("hack-hook-inert", "info", "a decompression hook that does not run (w), of package p")]),
    (Hack((HOOK._replace(package="p"),)), (),
     [("hack-hook-active", None, "will decompress the next kernel that is installed, and PVH refuses that, of package p")]),
    (Hack((HOOK,)), (), [("hack-hook-active", None, "will decompress the next kernel that is installed, and PVH refuses that")]),
])
@pytest.mark.parametrize("target", ["pvh", "pv"])
def test_what_is_there_of_it(hack, kernels, expected, target):
    findings = judged(hack, kernels, target)
    of_target = "warn" if target == "pvh" else "info"
    assert [(finding.id, finding.status, finding.summary) for finding in findings] == [
        (check, status or of_target, words) for check, status, words in expected]
    assert {finding.mode for finding in findings} == {"pvh"}
    assert bool(findings[0].remedies) == (findings[0].id == "hack-hook-active")


def test_kernels_that_are_kept_for_pv_are_none_of_it():
    kept, other = kernel(kept_path("6.1.0")), kernel("/boot/vmlinuz-1")
    assert decompressed_kernels(Facts("/", True, "2026-01-01", Guest("PV"), kernels=(kept, other))) == (other,)
