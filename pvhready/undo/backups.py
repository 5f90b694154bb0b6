"""What a run replaces is kept in its folder of the store, and put back from there: bit for bit, and as the same file where it was one.

    N.before    a copy of what step N replaced
    N.linked    the file itself, where it has other names too (hard links) and they are on the store's file system: only so does a
                name that is put back become one of the same file again. What is written through another name changes this one as
                well, so the copy is there in any case.
"""

from pvhready.root import Root, Unreadable
from pvhready.undo.changes import LINK, Saved, State, Step
from pvhready.undo.writer import Folder, folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

DIRECTORY = "/var/lib/pvhready"  # the store
_IMAGE_MAGIC = slice(0x202, 0x206)  # of a bzImage (Linux: Documentation/arch/x86/boot.rst)


def backup_name(step: int) -> str:
    """Return the name, in a run's folder, of what its step ``step`` replaced."""
    return "{}.before".format(step)


def backup_path(run: str, step: int) -> str:
    """Return the guest's path of what a run's step replaced."""
    return "{}/{}/{}".format(DIRECTORY, run, backup_name(step))


def holds_image(folder: Folder, index: int) -> bool:
    """Whether what a step replaced was a packed kernel: the one source of it, it may be, when the next undo needs it."""
    return folder.is_file(backup_name(index)) and next(folder.read(backup_name(index)), b"")[_IMAGE_MAGIC] == b"HdrS"


def keep(root: Root, folder: Folder, index: int, step: Step) -> None:
    """Keep in a run's folder what a step replaces. Raises Unreadable where that changes meanwhile, and OSError."""
    parent, name = folder_of(root, step.path)
    with parent:
        folder.write(backup_name(index), parent.read(name), step.before._replace(uid=0, gid=0, mode=0o600, attributes=()))
        if step.before.inode:
            folder.link(_linked_name(index), parent, name)
    if folder.look(backup_name(index)).digest != step.before.digest:
        raise Unreadable(step.path, "changed while it was copied")


def put_back(root: Root, parent: Folder, name: str, folder: Folder, saved: Saved, twins: "Iterable[str]") -> None:
    """Make a new name in ``parent`` with what a step replaced and ``folder``, that of its run, keeps. It is on the disk then.

    ``twins`` are paths where other names of the same file may be. Raises Unreadable where what is kept is damaged, and OSError.
    """
    state = saved.state
    if state.kind == LINK:
        parent.symlink(name, state)
    elif not _is_linked_again(root, parent, name, folder, saved, twins):
        parent.write(name, _content(folder, saved), state)
    parent.sync()


def _is_linked_again(root: Root, parent: Folder, name: str, folder: Folder, saved: Saved, twins: "Iterable[str]") -> bool:
    """Make the name one of the file that it was a name of, where that is still there and as it was."""
    if not saved.state.inode:
        return False
    if _link(parent, name, folder, _linked_name(saved.step), saved.state):
        return True
    for path in twins:
        try:
            beside, twin = folder_of(root, path)
            with beside:
                if _link(parent, name, beside, twin, saved.state):
                    return True
        except Unreadable:
            continue  # it is no file any more, or its folder is gone
    return False


def _link(parent: Folder, name: str, source: Folder, source_name: str, state: State) -> bool:
    return source.look(source_name).is_same(state) and parent.link(name, source, source_name)


def _content(folder: Folder, saved: Saved) -> "Iterator[bytes]":
    """Yield what was replaced. Raises Unreadable where it is not that any more: half a kernel must not be put back."""
    name = backup_name(saved.step)
    if folder.look(name).digest != saved.state.digest:
        raise Unreadable("{}/{}".format(folder.path, name), "is not what was kept there: its checksum is another")
    return folder.read(name)


def _linked_name(step: int) -> str:
    return "{}.linked".format(step)
