"""Keeps what was seen of each case, so that a run which was ended goes on where it was."""

import hashlib
import json
import os
import subprocess
import time
from typing import Any, Dict, List, NamedTuple, Optional

from boots import hosts, kernels, truth
from boots.cases import Case

_HERE = os.path.dirname(os.path.abspath(__file__))


class Result(NamedTuple):
    """One boot: what was seen, and when and with what. ``tail`` is the end of the console and of Xen's log where it failed."""

    truth: truth.Truth
    date: str
    kernel: str
    grub: str
    emulator: str
    boots: int
    tail: List[str]


class Results:
    """The boots of earlier runs: one file for each case, so that several runs can be at work at once. They belong to the tree."""

    def __init__(self) -> None:
        self._folder = os.path.join(_HERE, "seen")

    def get(self, case: Case) -> Optional[Result]:
        """Return what was seen of a case as it is defined now; None when it was not booted."""
        entry = self._read(case)
        if entry is None or entry.pop("case") != fingerprint(case):
            return None
        return Result(truth=truth.Truth(**entry.pop("truth")), **entry)

    def put(self, case: Case, seen: truth.Truth, boots: int, tail: List[str]) -> None:
        """Keep what was seen at the last of so many boots."""
        entry = {
            "case": fingerprint(case), "truth": seen._asdict(), "date": time.strftime("%Y-%m-%d"), "boots": boots, "tail": tail,
            "kernel": kernels.kernel(case.kernel).release, "grub": hosts.version(case.host), "emulator": _emulator(),
        }
        path = os.path.join(self._folder, case.name + ".json")
        with open(path + ".partial", "w", encoding="utf-8") as handle:
            json.dump(entry, handle, indent=1, sort_keys=True)
        os.replace(path + ".partial", path)

    def _read(self, case: Case) -> Optional[Dict[str, Any]]:
        path = os.path.join(self._folder, case.name + ".json")
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as handle:
            entry = json.load(handle)
        assert isinstance(entry, dict)
        return entry


def fingerprint(case: Case) -> str:
    """Return what changes when the guest of a case changes."""
    kernel = kernels.kernel(case.kernel)
    said = [case.kernel, case.mode, case.form, case.host, case.cmdline, case.menu("R", "C"), list(case.modules), list(case.boot),
            sorted(case.files.items()), case.memory, case.extra]
    said += [field for field in (case.stage, case.grub_modules) if field]
    total = hashlib.sha256(json.dumps(said).encode())
    for path in (kernel.image, os.path.join(_HERE, "guest", "init"), hosts.loader(case.host, case.mode, case.builtin)):
        with open(path, "rb") as handle:
            total.update(handle.read())
    return total.hexdigest()[:16]


def _emulator() -> str:
    first = subprocess.check_output(["qemu-system-x86_64", "--version"], universal_newlines=True).split("\n")[0]
    return first.replace("emulator version ", "")
