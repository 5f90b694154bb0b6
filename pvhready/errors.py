"""Errors that end a command: what was wrong, for people, with the exit code of the contract."""

EXIT_USAGE = 64
EXIT_INTERNAL = 70
EXIT_IO = 74
EXIT_NOT_PERMITTED = 77


class CommandError(Exception):
    """A command cannot go on. ``str(error)`` is a whole sentence for the user."""

    exit_code = EXIT_IO


class UsageError(CommandError):
    """The command line or a file that the user named does not make sense."""

    exit_code = EXIT_USAGE


class NotPermitted(CommandError):
    """The user lacks the right to do what was asked."""

    exit_code = EXIT_NOT_PERMITTED
