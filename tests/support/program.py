"""Runs the program in a process of its own, as a user would."""

import json
import os
import subprocess
import sys
from typing import Any, Dict, NamedTuple, Optional, Sequence

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Output(NamedTuple):
    """What a run left behind: the exit code, and the two streams as text."""

    code: int
    out: str
    err: str


class Program:
    """``python -m pvhready`` under the interpreter that runs the tests."""

    def __call__(
        self, *arguments: str, timeout: float = 120, environment: Optional[Dict[str, str]] = None, prefix: Sequence[str] = ()
    ) -> Output:
        """Run it and return its output. ``prefix`` is a program that runs it, with its arguments.

        Fails the test on a traceback; raises TimeoutExpired after ``timeout`` seconds.
        """
        variables = dict(os.environ, PYTHONPATH=_TOP, PYTHONIOENCODING="utf-8")
        variables.update(environment or {})
        process = subprocess.run(
            list(prefix) + [sys.executable, "-m", "pvhready"] + list(arguments), env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        output = Output(process.returncode, process.stdout.decode("utf-8", "replace"), process.stderr.decode("utf-8", "replace"))
        assert "Traceback" not in output.err, output.err
        return output

    def json(self, *arguments: str, **options: Any) -> Dict[str, Any]:
        """Run it with ``--format json`` and return the document, with the exit code under the key "exit"."""
        output = self(*(arguments + ("--format", "json")), **options)
        assert output.out, (output.code, output.err)
        document = json.loads(output.out)
        assert isinstance(document, dict)
        return dict(document, exit=output.code)

    def check(self, directory: str, *arguments: str, **options: Any) -> Dict[str, Any]:
        """Return the report of ``check --root directory``, with the exit code under the key "exit"."""
        return self.json("check", "--root", directory, *arguments, **options)


def findings(report: Dict[str, Any], *statuses: str) -> Dict[str, str]:
    """Return the summaries of a report's checks that have one of ``statuses``, by id."""
    return {check["id"]: check["summary"] for check in report["checks"] if check["status"] in statuses}
