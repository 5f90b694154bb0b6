"""One run at a time: the lock of the store, those of the package managers, and no run before it that was interrupted."""

from pvhready.root import Root
from pvhready.undo import guards
from pvhready.undo.changes import Refused
from pvhready.undo.store import History, Store
from pvhready.undo.transaction import Transaction


class Exclusive:
    """The locked store and the locks of the package managers, as long as changes are made. Raises Refused where somebody is at work."""

    def __init__(self, root: Root, resuming: bool = False) -> None:
        self._root = root
        self._resuming = resuming
        self._store = Store(root, make=True)
        self._managers = guards.PackageManagers(root)

    def __enter__(self) -> Transaction:
        try:
            self._store.lock()
            if not self._resuming:
                demand_no_interrupted_run(self._root, self._store.history())
            self._managers.__enter__()
            if self._managers.busy:
                raise Refused(self._managers.busy[0])
        except BaseException:
            self.__exit__()
            raise
        return Transaction(self._root, self._store)

    def __exit__(self, *_: object) -> None:
        self._managers.__exit__()
        self._store.__exit__()


def demand_no_interrupted_run(root: Root, runs: History) -> None:
    """Raise Refused where an earlier run was interrupted, with what to type."""
    run = runs.interrupted
    if run is not None:
        raise Refused("an earlier run ({} of {}) was interrupted. {}".format(run.name, run.time, two_ways(root)))


def two_ways(root: Root) -> str:
    """Return how an interrupted run is ended, as a sentence or two."""
    from shlex import quote

    words = "" if root.live else " --root " + quote(root.directory)
    return "Finish it: pvhready undo --resume{}. Or take it back: pvhready undo --abandon{}".format(words, words)
