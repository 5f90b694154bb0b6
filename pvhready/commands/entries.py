"""``entries``: the menu that the host's GRUB shows."""

from pvhready.commands.screen import style, write
from pvhready.examine import open_root
from pvhready.facts import Menu
from pvhready.host import profile
from pvhready.options import Options


def run(options: Options) -> int:
    """Show the menu of each guest. Returns the exit code; raises CommandError."""
    from pvhready.probes.guest import read_guest
    from pvhready.probes.menu import read_menu
    from pvhready.probes.storage import read_storage
    from pvhready.survey import was_booted

    host = profile(options.host)
    codes = []
    for directory in options.root or ["/"]:
        with open_root(directory) as root:
            booted = was_booted(root, read_guest(root, options.assume_guest))
            menu = read_menu(root, host, options.platform, read_storage(root, root.live), booted=booted)
        codes.append(_show_menu(menu, options))
    return max(codes)


def _show_menu(menu: Menu, options: Options) -> int:
    from pvhready.rules.menu import loads

    answers = {candidate.index: loads(menu.entries[candidate.index]) for candidate in menu.candidates}
    if options.format == "json":
        from pvhready.report.json import dump, menu_object

        write(dump(menu_object(menu)))
    else:
        from pvhready.report.entries import render

        write(render(menu, answers, style(options)))
    if not any(answer is not False for answer in answers.values()):
        return 3 if menu.reason == "unreadable" else 1
    certain = len(answers) == 1 and not menu.may_show_nothing
    return 0 if certain and all(answers.values()) else 3
