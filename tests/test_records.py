"""Records behave as typing.NamedTuple does: that is the oracle."""

import copy
import pickle
import typing

import pytest

from pvhready import records


class Ours(records.NamedTuple):
    """A record."""

    name: str
    size: int = 0
    like: typing.Tuple[str, ...] = ()

    def twice(self) -> int:
        return 2 * self.size


class Theirs(typing.NamedTuple):
    """A record."""

    name: str
    size: int = 0
    like: typing.Tuple[str, ...] = ()

    def twice(self) -> int:
        return 2 * self.size


CALLS = [
    (("a",), {}), (("a", 1), {}), (("a", 1, ("b",)), {}), ((), {"name": "a"}), (("a",), {"like": ("b",)}), ((), {"size": 3, "name": "a"}),
    ((), {}), (("a", 1, (), 2), {}), (("a",), {"name": "b"}), (("a",), {"other": 1}), ((), {"size": 1}),
    (("a", 1, ()), {"like": ()}), (("a", 1, ()), {"other": ()}),
]


def outcome(function, *values, **named):
    try:
        return tuple(function(*values, **named))
    except TypeError:
        return "TypeError"


@pytest.mark.parametrize("values, named", CALLS)
def test_the_same_arguments_make_the_same_record(values, named):
    assert outcome(Ours, *values, **named) == outcome(Theirs, *values, **named)


@pytest.mark.parametrize("use", [
    lambda record: (record.name, record.size, record.like, record[1], record[-1], len(record), list(record), record.twice()),
    lambda record: repr(record).partition("("),
    lambda record: (record == ("a", 1, ()), record.__eq__(("a", 1, ())), record != ("a", 1, ()), record == ("a", 1), record < ("b",)),
    lambda record: (hash(record) == hash(("a", 1, ())), {record: 1}[("a", 1, ())]),
    lambda record: (record._fields, dict(record._asdict()), list(record._asdict()), record.__doc__),
    lambda record: (tuple(record._replace(size=5)), type(record._replace(size=5)) is type(record), tuple(record._replace())),
    lambda record: (pickle.loads(pickle.dumps(record)) == record, type(pickle.loads(pickle.dumps(record))) is type(record)),
    lambda record: (copy.copy(record) == record, copy.deepcopy(record) == record, type(copy.deepcopy(record)) is type(record)),
    lambda record: (isinstance(record, tuple), hasattr(record, "__dict__"), bool(record)),
])
def test_the_same_use_has_the_same_outcome(use):
    ours, theirs = use(Ours("a", 1)), use(Theirs("a", 1))
    if theirs[0] == "Theirs":
        theirs = ("Ours",) + theirs[1:]
    assert ours == theirs


@pytest.mark.parametrize("kind", [Ours, Theirs])
def test_what_cannot_be_done(kind):
    record = kind("a")
    for change in (lambda: setattr(record, "name", "b"), lambda: setattr(record, "other", "b"), lambda: delattr(record, "name")):
        with pytest.raises(AttributeError):
            change()
    with pytest.raises((TypeError, ValueError)):
        record._replace(other=1)
    assert record == ("a", 0, ())


@pytest.mark.parametrize("base", [records.NamedTuple, typing.NamedTuple])
def test_a_field_without_a_default_cannot_follow_one_that_has_it(base):
    with pytest.raises(TypeError):
        exec("class Odd(base):\n    a: int = 0\n    b: int\n", {"base": base})


def test_annotations_that_are_made_when_they_are_asked_for():
    """Python 3.14 hands a class no annotations, but a function that makes them."""
    made = type(Ours)("Late", (records.NamedTuple,), {"__annotate_func__": lambda form: {"name": str, "size": int}, "size": 4})
    assert made("a") == ("a", 4) and made._fields == ("name", "size")
