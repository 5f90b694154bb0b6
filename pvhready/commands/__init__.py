"""What each command does: probes are run, rules asked, and the answer is rendered to standard output. A module for each."""

import os
from importlib import import_module

from pvhready.host import DEFAULT
from pvhready.options import SETTINGS_FILE, Options

_OWN_SETTINGS = ("hook", "exporter", "fleet", "explain", "demo")  # commands that read the settings by themselves, or need none


def run(options: Options) -> int:
    """Carry out the command that was parsed. Returns the exit code; raises CommandError."""
    _complete(options)
    if options.command == "hook":
        from pvhready.hooks.run import run as run_hook

        return run_hook(options.kind, options.arguments)
    if options.command == "exporter":
        from pvhready.exporter.command import run as run_exporter

        return run_exporter(options)
    # A command loads no other's module.
    code: int = import_module("pvhready.commands." + options.command).run(options)
    return code


def _complete(options: Options) -> None:
    """Let the running system's settings say what the command line leaves open, and the defaults say what those leave open."""
    # Most machines have no such file: then this one look is all that it costs.
    if options.command not in _OWN_SETTINGS and not _is_elsewhere(options) and os.path.lexists(SETTINGS_FILE):
        from pvhready.examine import open_root
        from pvhready.settings import read_settings

        with open_root("/") as root:
            settings = read_settings(root)
        options.host = options.host or settings.host
        options.assume_guest = options.assume_guest or settings.assume
        options.skip = getattr(options, "skip", ()) or list(settings.skip)
    options.host = options.host or DEFAULT


def _is_elsewhere(options: Options) -> bool:
    """Whether a guest other than the running system is asked about."""
    return any(os.path.abspath(directory) != "/" for directory in options.root or ())
