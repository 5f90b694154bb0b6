"""The one property above all: of a root that is ready, one thing that the boot needs is corrupted, and it is never ready any more.

Some of them run in each run of the tests. ``PVHREADY_CORRUPTIONS=5000 python -m pytest tests/test_corruption.py`` is the long run;
what it says of a failure, ``PVHREADY_CORRUPTION_SEED=... `` repeats.
"""

import contextlib
import errno
import importlib.util
import os
import random
import shutil
from typing import Any, Dict, Iterator, Tuple

import pytest

from pvhready import root as handle
from pvhready.demo.tree import Folder, write_tree
from pvhready.facts import PV, PVH
from pvhready.host import profile
from pvhready.judge import NOT_APPLICABLE, NOT_KNOWN, NOT_READY, READY, judge
from pvhready.probes.guest import read_guest
from pvhready.root import Root
from pvhready.survey import survey
from support import recipes
from support.mutations import BY_CHECKSUM, MUTATIONS, Changes
from support.recipes import Recipe

_COUNT = int(os.environ.get("PVHREADY_CORRUPTIONS", "400"))
_HAS_CHECKSUMS = importlib.util.find_spec("pvhready.probes.checksums") is not None  # see support/mutations.py, BY_CHECKSUM
_SEED = os.environ.get("PVHREADY_CORRUPTION_SEED")


class Sound:
    """A sound guest on disk, in which one thing at a time is changed."""

    def __init__(self, recipe: Recipe, directory: str) -> None:
        self.recipe = recipe
        self.directory = directory
        write_tree(directory, recipe.tree)

    def verdict(self, target: str = PVH) -> Tuple[str, Any]:
        """Return the verdict, and what was said against it."""
        host = profile(self.recipe.host)
        with Root(self.directory) as root:
            report = judge(survey(root, host), host, target)
        return report.verdict, [(check.id, check.status, check.summary) for check in report.checks if check.status in ("fail", "unknown",
            "warn")]

    @contextlib.contextmanager
    def changed(self, changes: Changes) -> Iterator[None]:
        """Let the changes be so for as long as it lasts."""
        for path, change in changes.items():
            self._put(path, change)
        try:
            yield
        finally:
            for path in changes:
                self._put(path, self.recipe.tree.get(path))
                below = {name: node for name, node in self.recipe.tree.items() if name.startswith(path + "/")}
                if below:
                    self._put(path, None)
                    write_tree(self.directory, below)

    def _put(self, path: str, change: Any) -> None:
        place = self.directory + path
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        elif os.path.lexists(place):
            os.unlink(place)
        if callable(change) and not isinstance(change, tuple):
            change(place)
        elif change is not None:
            write_tree(self.directory, {path: change})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: Any) -> Any:
    made: Dict[str, Sound] = {}

    def make(name: str) -> Sound:
        if name not in made:
            made[name] = Sound(recipes.RECIPES[name](), str(tmp_path_factory.mktemp("sound")))
        return made[name]

    return make


@pytest.mark.parametrize("name", recipes.names())
def test_each_of_them_is_ready(name: str, sound: Any) -> None:
    verdict, said = sound(name).verdict()
    assert verdict == READY, said


def corrupted(sound: Any, seed: str, kind: str) -> None:
    """Corrupt one thing, by what the seed tells, and demand that it is seen."""
    chance = random.Random(seed)
    guest = sound(chance.choice([name for name in recipes.names() if kind in MUTATIONS or sound(name).recipe.checked]))
    changes = dict(BY_CHECKSUM, **MUTATIONS)[kind](guest.recipe, chance)
    with guest.changed(changes):
        verdict, said = guest.verdict()
    assert verdict in (NOT_READY, NOT_KNOWN), "PVHREADY_CORRUPTION_SEED='{}': {}: {}: {}: {}".format(
        seed, kind, verdict, {path: repr(change)[:300] for path, change in changes.items()}, said)


@pytest.mark.parametrize("kind", sorted(MUTATIONS) + (sorted(BY_CHECKSUM) if _HAS_CHECKSUMS else []))
def test_what_is_corrupted_is_never_ready(kind: str, sound: Any) -> None:
    if _SEED is not None:
        if _SEED.startswith(kind + "/"):
            corrupted(sound, _SEED, kind)
        return
    start = random.SystemRandom().randrange(1 << 32)
    for number in range(-(-_COUNT // len(MUTATIONS))):
        corrupted(sound, "{}/{}/{}".format(kind, start, number), kind)


def _needed(recipe: Recipe) -> Tuple[Tuple[str, ...], ...]:
    """What is needed; of several files that say the same, one is enough."""
    single = (recipe.menu, recipe.initrd, recipe.init, recipe.loader, "/etc/fstab")
    return (recipe.kernels, recipe.configs) + tuple((path,) for path in single)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO])
@pytest.mark.parametrize("name", recipes.names())
def test_what_cannot_be_read_is_never_ready(name: str, error: int, sound: Any, monkeypatch: Any) -> None:
    """A right that is missing, and a disk that fails: at the opening, and at the first read."""
    guest = sound(name)
    opened, read = os.open, os.pread
    for paths in _needed(guest.recipe):
        wanted = {os.stat(guest.directory + path).st_ino for path in paths}

        def refuse_open(name: str, flags: int, *rest: Any, **more: Any) -> int:
            if flags == handle._FILE and os.stat(name, dir_fd=more.get("dir_fd")).st_ino in wanted:  # noqa: B023
                raise OSError(error, os.strerror(error))
            return opened(name, flags, *rest, **more)

        def refuse_read(descriptor: int, size: int, offset: int) -> bytes:
            if os.fstat(descriptor).st_ino in wanted:  # noqa: B023
                raise OSError(error, os.strerror(error))
            return read(descriptor, size, offset)

        for where, function in (("open", refuse_open), ("pread", refuse_read)):
            with monkeypatch.context() as patch:
                patch.setattr(os, where, function)
                verdict, said = guest.verdict()
            assert verdict in (NOT_READY, NOT_KNOWN), (paths, where, said)


_OLD = "4.19.152"
_MAP = "".join("ffffffff81{:06x} t function_{}\n".format(number * 16, number) for number in range(300))
_POINTER = "ffffffff8104f3a0 T x86_default_get_root_pointer\n"
_END = "ffffffff82e2c000 B _end\n"


@pytest.mark.parametrize("text,expected", [
    (_MAP + _POINTER + _END, READY), (None, NOT_KNOWN), ("", NOT_KNOWN), (_MAP, NOT_KNOWN), (_MAP + _END, NOT_READY), (Folder(), NOT_KNOWN),
    (_MAP + _POINTER.replace("_pointer", "_pointers") + _END, NOT_READY), (_MAP + _POINTER[:-4], NOT_KNOWN), ("\0" * 9000, NOT_KNOWN),
])
def test_the_map_of_a_kernel_that_needs_one(text: Any, expected: str, guest: Any) -> None:
    directory = guest(release=_OLD, system_map=None)
    if text is not None:
        write_tree(directory, {"/boot/System.map-" + _OLD: text})
    with Root(directory) as root:
        assert judge(survey(root, profile("bitfolk")), profile("bitfolk"), PVH).verdict == expected


@pytest.mark.parametrize("name", recipes.names())
def test_each_of_them_is_sound_again_afterwards(name: str, sound: Any) -> None:
    """Otherwise all that follows the first corruption would prove nothing."""
    verdict, said = sound(name).verdict()
    assert verdict == READY, said
    assert sound(name).verdict(PV)[0] in (READY, NOT_READY)


_XEN = "/sys/hypervisor/"
_RUNNING = {
    _XEN + "type": "xen\n", _XEN + "version/major": "4\n", _XEN + "version/minor": "17\n", "/proc/xen/capabilities": "",
    "/proc/cpuinfo": "flags\t\t: fpu hypervisor lm\n",
}
_NO_TYPES = ("", "\0", "pv", "PV PVH", "PVHVM", "xen", "HVM\nPV", "P" * 5000)
_AGAINST = [{_XEN + "guest_type": text} for text in _NO_TYPES] + [{_XEN + "type": text} for text in ("kvm", "", "Xen", "xen xen")] + [
    {"/sys/class/dmi/id/sys_vendor": text} for text in ("QEMU", "VMware, Inc.", "Microsoft Corporation", "innotek GmbH")] + [
    {"/proc/xen/capabilities": "control_d\n"}, {"/run/systemd/container": "lxc\n"}, {_XEN + "guest_type": Folder()},
    {_XEN + "type": Folder()},
    {_XEN + "guest_type": os.mkfifo}, {_XEN + "type": os.mkfifo},
]


class Live(Root):
    """A folder that is taken for the running system."""

    live = True


@pytest.mark.parametrize("kind", ["PV", "PVH"])
def test_what_speaks_against_the_type_of_a_guest_is_never_ready(kind: str, sound: Any, tmp_path: Any) -> None:
    host = profile("bitfolk")
    with Root(sound("Debian, xz").directory) as root:
        facts = survey(root, host)
    running = dict(_RUNNING, **{_XEN + "guest_type": kind + "\n"})

    def verdict(number: int, changes: Any) -> str:
        directory = str(tmp_path / str(number))
        write_tree(directory,
            {path: node for path, node in dict(running, **changes).items() if not callable(node) or isinstance(node, tuple)})
        for path, node in changes.items():
            if callable(node) and not isinstance(node, tuple):
                node(directory + path)
        with Live(directory) as root:
            return judge(facts._replace(guest=read_guest(root)), host, PVH).verdict

    assert verdict(0, {}) == READY
    for number, changes in enumerate(_AGAINST, 1):
        assert verdict(number, changes) in (NOT_KNOWN, NOT_APPLICABLE), changes
