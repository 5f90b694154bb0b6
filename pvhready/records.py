"""Frozen records that cost little to define.

``typing.NamedTuple`` compiles a constructor for every class, and there are some sixty: a fifth of the time that a check may take. The
base here behaves the same, for what this program does with records: a tuple with names, defaults, ``_replace`` and ``_asdict``.
"""

from _operator import itemgetter  # as operator has it, which costs more to import than most of this program's modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:

    class _Definition(type):
        """Turns the annotations of a class into the fields of a tuple."""

        def __new__(mcs, name, bases, namespace):
            annotate = namespace.get("__annotate_func__")  # Python 3.14 makes annotations when they are asked for; 1 is the form VALUE
            fields = tuple(annotate(1) if annotate else namespace.get("__annotations__", ()))
            defaults = {field: namespace[field] for field in fields if field in namespace}
            if tuple(defaults) != fields[len(fields) - len(defaults):]:
                raise TypeError("{}: a field without a default follows one that has it".format(name))
            namespace.update([(field, property(itemgetter(index))) for index, field in enumerate(fields)])
            namespace.update(_fields=fields, _field_defaults=defaults, _last=tuple(defaults.values()), __slots__=())
            return type.__new__(mcs, name, bases, namespace)

    class NamedTuple(tuple, metaclass=_Definition):
        """The base of all records."""

        def __new__(cls, *values, **named):
            """Take the values by place or by name. Raises TypeError when one is missing, unknown or given twice."""
            lacking = len(cls._fields) - len(values)
            if named or not 0 <= lacking <= len(cls._last):
                values = cls._complete(values, named)
            elif lacking:
                values += cls._last[-lacking:]
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            rest = cls._fields[len(values):]
            wrong = [name for name in named if name not in rest]
            missing = [name for name in rest if name not in named and name not in cls._field_defaults]
            if wrong or missing or len(values) > len(cls._fields):
                raise TypeError("{}: unknown or twice: {}; missing: {}".format(cls.__name__, wrong or values, missing))
            return values + tuple([named[name] if name in named else cls._field_defaults[name] for name in rest])

        def __repr__(self):
            return "{}({})".format(type(self).__name__, ", ".join(["{}={!r}".format(*pair) for pair in zip(self._fields, self)]))

        def __getnewargs__(self):
            """Copies and pickles are made through the constructor."""
            return tuple(self)

        def _replace(self, **changes):
            values = [changes.pop(*pair) for pair in zip(self._fields, self)]
            if changes:
                raise TypeError("{} has no {}".format(type(self).__name__, ", ".join(changes)))
            return tuple.__new__(type(self), values)

        def _asdict(self):
            return dict(zip(self._fields, self))
