"""The report for programs: one JSON object, whose keys are a contract (pvhready/data/report.schema.json)."""

import json

from pvhready import __version__
from pvhready.facts import Entry, Guest, Inside, Menu
from pvhready.findings import Evidence, Finding, Remedy
from pvhready.judge import KernelAnswer, Report
from pvhready.rules.hack import decompressed_kernels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Sequence

    Object = Dict[str, Any]

FORMAT_VERSION = 1

def render(report: Report) -> str:
    """Return one report as text."""
    return dump(as_object(report))


def dump(value: "Any") -> str:
    """Return JSON text that every terminal and pipe can carry: ASCII, bytes that were not UTF-8 as escapes."""
    return json.dumps(value, indent=2) + "\n"


def as_object(report: Report) -> "Object":
    """Return a report as the object of the contract."""
    facts = report.facts
    return {
        "format_version": FORMAT_VERSION,
        "pvhready": __version__,
        "root": facts.root,
        "run_as_root": facts.run_as_root,
        "host": report.host,
        "target": report.target,
        "guest": guest_object(facts.guest),
        "verdict": report.verdict,
        "modes": dict(report.modes),
        "boot": _boot(report),
        "kernels": [kernel_object(answer) for answer in report.kernels],
        "checks": [check_object(finding) for finding in report.checks],
        "hack": _hack(report),
    }


def guest_object(guest: Guest) -> "Object":
    """Return what the machine is."""
    return {
        "type": guest.type,
        "assumed": guest.assumed,
        "xen_version": guest.xen_version,
        "dom0": guest.dom0,
        "container": guest.container,
        "architecture": guest.architecture,
        "distribution": {"id": guest.distribution.id, "version": guest.distribution.version, "name": guest.distribution.name},
    }


def kernel_object(answer: KernelAnswer) -> "Object":
    """Return one kernel with its answers."""
    kernel, image = answer.kernel, answer.kernel.image
    config: Dict[str, Optional[str]] = {"source": kernel.config.source}
    config.update(sorted(kernel.config.values.items()))
    return {
        "path": kernel.path,
        "release": kernel.release,
        "running": kernel.running,
        "default": answer.default,
        "package": kernel.package,
        "image": {
            "container": image.container,
            "payload": image.payload,
            "bits": image.bits,
            "size": image.size,
            "protocol": protocol(image.protocol),
            "problem": image.problem.reason if image.problem else None,
            "description": image.description,
        },
        "inside": _inside(kernel.inside) if kernel.inside else None,
        "checksums": [dict(checksum._asdict()) for checksum in kernel.checksums],
        "config": config,
        "modes": dict(answer.modes),
        "reasons": {mode: list(reasons) for mode, reasons in answer.reasons.items()},
    }


def kernels_object(answers: "Sequence[KernelAnswer]") -> "Object":
    """Return the table of kernels."""
    return {"format_version": FORMAT_VERSION, "kernels": [kernel_object(answer) for answer in answers]}


def images_object(answers: "Sequence[KernelAnswer]") -> "Object":
    """Return what ``pvhready image`` says of the files that the user named."""
    return {"format_version": FORMAT_VERSION, "images": [_image(answer) for answer in answers]}


def check_object(finding: Finding) -> "Object":
    """Return one finding."""
    return {
        "id": finding.id,
        "status": finding.status,
        "mode": finding.mode,
        "subject": finding.subject,
        "summary": finding.summary,
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "remedies": [_remedy(remedy) for remedy in finding.remedies],
        "url": finding.url,
    }


def protocol(number: "Optional[int]") -> "Optional[str]":
    """Return a boot protocol as people write it: "2.15" for 0x020f."""
    return None if number is None else "{}.{:02d}".format(number >> 8, number & 0xFF)


def _image(answer: KernelAnswer) -> "Object":
    kernel, image = answer.kernel, answer.kernel.image
    return {
        "path": kernel.path,
        "release": kernel.release,
        "container": image.container,
        "payload": image.payload,
        "bits": image.bits,
        "protocol": protocol(image.protocol),
        "modes": dict(answer.modes),
        "reasons": {mode: list(reasons) for mode, reasons in answer.reasons.items()},
        "error": image.problem.reason if image.problem else None,
    }


def _inside(inside: Inside) -> "Object":
    return {
        "bits": inside.bits,
        "release": inside.release,
        "notes": None if inside.notes is None else list(inside.notes),
        "features": inside.features,
        "whole": inside.whole,
        "problem": inside.problem.reason if inside.problem else None,
    }


def _boot(report: Report) -> "Object":
    mode = report.target
    menu = report.facts.menus.get(mode)
    entry = report.chain.entry
    return {
        "config": menu.config if menu else None,
        "default": _entry(entry) if entry else None,
        "reason": menu.reason if menu else "unreadable",
    }


def _entry(entry: Entry) -> "Object":
    return {
        "title": entry.title,
        "id": entry.id,
        "kernel": entry.kernel,
        "initrd": list(entry.initrd),
        "cmdline": entry.cmdline,
        "source": entry.source,
    }


def _hack(report: Report) -> "Object":
    hack = report.facts.hack
    return {
        "active_hooks": [hook.path for hook in hack.hooks if hook.active],
        "inert_hooks": [hook.path for hook in hack.hooks if not hook.active],
        "helpers": list(hack.helpers),
        "decompressed_kernels": [kernel.path for kernel in decompressed_kernels(report.facts)],
    }


def _evidence(evidence: Evidence) -> "Object":
    return {"path": evidence.path, "where": evidence.where, "value": evidence.value}


def _remedy(remedy: Remedy) -> "Object":
    return {"type": remedy.type, "argv": list(remedy.argv), "text": remedy.text}


def menu_object(menu: Menu) -> "Object":
    """Return what GRUB shows. ``default`` is null where no entry boots, and where it is not known which."""
    certain = len(menu.candidates) == 1 and not menu.may_show_nothing
    return {
        "format_version": FORMAT_VERSION,
        "platform": menu.platform,
        "config": menu.config,
        "default": menu.candidates[0].index if certain else None,
        "reason": menu.reason,
        "candidates": [dict(candidate._asdict()) for candidate in menu.candidates],
        "entries": [
            dict(_entry(entry), index=entry.index, path=entry.path, errors=[error.text for error in entry.errors]) for entry in menu.entries
        ],
        "errors": [error.text for error in menu.errors] + ([menu.problem.reason] if menu.problem else []),
    }
