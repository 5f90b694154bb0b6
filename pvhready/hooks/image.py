"""A kernel image that has just been installed, judged by itself: the menu that will name it may not be written yet."""

import os

from pvhready.facts import PVH, Kernel
from pvhready.findings import BOOTS, FAIL
from pvhready.hooks.situation import Situation
from pvhready.judge import judge_kernel, kernel_findings
from pvhready.memory.nextboot import recall
from pvhready.report.text import step_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple

    from pvhready.findings import Finding


def read_postinst(arguments: "Sequence[str]") -> "Tuple[str, str]":
    """Return release and path from the arguments of a script in /etc/kernel/postinst.d: VERSION, and the image in most releases."""
    release = arguments[0] if arguments else ""
    return release, arguments[1] if len(arguments) > 1 and arguments[1] else "/boot/vmlinuz-" + release


def read_kernel_install(arguments: "Sequence[str]") -> "Optional[Tuple[str, str]]":
    """Return release and path from ``add VERSION ENTRY_DIR KERNEL_IMAGE [INITRD...]``; None for anything else, as ``remove``."""
    return (arguments[1], arguments[3]) if len(arguments) > 3 and arguments[0] == "add" else None


def about_image(situation: Situation, release: str, path: str) -> "List[str]":
    """Return what there is to say of a new kernel image: that this machine's mode does not boot it, or that PVH does not."""
    if not release or not os.path.isabs(path):
        return []
    return about_kernel(situation, _read(situation, release, path))


def about_kernel(situation: Situation, kernel: Kernel) -> "List[str]":
    """Return what there is to say of a kernel, whether it is installed or will be."""
    current = situation.current
    if current:
        fault = fault_of(situation, kernel, current)
        if fault:
            return _lines("{} WILL NOT BOOT in {}, the mode that this machine runs in".format(kernel.path, current.upper()), fault)
    fault = fault_of(situation, kernel, PVH) if current != PVH else None
    if fault and _could_be_switched(situation):
        return _lines("this machine can be switched to PVH, but not with {}".format(kernel.path), fault)
    return []


def _lines(headline: str, fault: "Finding") -> "List[str]":
    step = step_of(fault)
    return ["{}: {}".format(headline, fault.summary)] + (["next step, before the next reboot: " + step] if step else [])


def fault_of(situation: Situation, kernel: Kernel, mode: str) -> "Optional[Finding]":
    """Return the proven failure of a kernel under a mode. What is not known is left to the end of the run, which sees all of the chain."""
    findings = kernel_findings(kernel, mode, situation.host, situation.guest)
    wanted = [finding for finding in findings if finding.status == FAIL and finding.id not in situation.settings.skip]
    return wanted[0] if wanted else None


def _could_be_switched(situation: Situation) -> bool:
    """Whether PVH would come up before this kernel: as remembered, or else by the kernel that runs."""
    answers = recall(situation.folder, situation.host.name)
    if answers is not None:
        return answers[PVH] == BOOTS
    release = situation.guest.running_release
    if not release:
        return False
    running = _read(situation, release, "/boot/vmlinuz-" + release)
    return judge_kernel(running, situation.host, situation.guest).modes[PVH] == BOOTS


def _read(situation: Situation, release: str, path: str) -> Kernel:
    from pvhready.probes.kernels import read_kernel
    from pvhready.probes.packages import Owners

    kernel = read_kernel(situation.root, (path,), situation.guest, Owners(situation.root).owner)
    if kernel.release:
        return kernel
    from pvhready.probes.kconfig import read_config

    return kernel._replace(release=release, config=read_config(situation.root, release, False))
