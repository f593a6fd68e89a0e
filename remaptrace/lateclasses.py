"""Dataclasses whose methods are made when they are first used: most runs make objects of few of the classes there are.

`dataclass`, `field` and `replace` mean what those of `dataclasses` mean, as far as this package makes use of them. That
module compiles up to six methods for each class while it is imported, and loads `inspect`: a fifth of a short command.
Here a class compiles its __init__ when some objects were made; comparing and showing go through the names of fields.
The functions of `dataclasses` (`fields`, `asdict`, `replace`, `is_dataclass`) take these classes as their own.

`NamedTuple` is that of `typing` without a look at what annotations say: that module compiles each of them, too.
"""

from __future__ import annotations

from _operator import attrgetter
from collections import namedtuple

TYPE_CHECKING = False

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
    from typing import NamedTuple
else:

    class _NamedTuples(type):
        """Makes a named tuple of the fields that a class body annotates, with its methods."""

        def __new__(cls, name, bases, body):
            """The class."""
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body.get("__annotations__", {})
            defaults = [body[field] for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            made.__annotations__ = fields
            for key, value in body.items():
                if key not in fields and key not in ("__annotations__", "__module__"):
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_NamedTuples):
        """A class whose base this is becomes a named tuple."""

    _MISSING = object()
    _COMPILED_FROM = 16
    """Objects from which compiling an __init__ pays: it takes as long as making thirty without."""

    class _Field:
        """What stands in a class body for a default that is more than a value."""

        def __init__(self, default, default_factory, repr, compare):
            self.default, self.factory, self.repr, self.compare = default, default_factory, repr, compare

    def field(*, default=_MISSING, default_factory=_MISSING, repr=True, compare=True):
        """A field with a default: a value, or a function that makes one for each object."""
        return _Field(default, default_factory, repr, compare)

    def dataclass(cls=None, /, *, frozen=False, repr=True):
        """A class with the fields that its annotations name."""
        if cls is None:
            return lambda cls: _prepared(cls, frozen, repr)
        return _prepared(cls, frozen, repr)

    def replace(self, /, **changes):
        """A new object of the same class, with some of its fields changed. TypeError for a name that is no field."""
        fields = getattr(type(self), "__late_fields__", None)
        if fields is None:
            import dataclasses

            return dataclasses.replace(self, **changes)
        for name in fields:
            if name not in changes:
                changes[name] = getattr(self, name)
        return type(self)(**changes)

    def _prepared(cls, frozen, repr):
        """Give `cls` its fields, and methods that make themselves."""
        fields = {}
        for base in cls.__mro__[-1:0:-1]:
            fields.update(base.__dict__.get("__late_fields__", ()))
        own = cls.__annotations__
        for name, text in own.items():
            if str(text).startswith(("ClassVar", "typing.ClassVar")):
                continue
            found = cls.__dict__.get(name, _MISSING)
            if not isinstance(found, _Field):
                found = _Field(found, _MISSING, True, True)
            elif found.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, found.default)
            if found.default.__class__.__hash__ is None:
                raise ValueError(
                    f"mutable default {type(found.default)} for field {name}: use default_factory"
                )
            fields[name] = found
        cls.__late_fields__ = fields
        defined = cls.__dict__
        if "__match_args__" not in defined:
            cls.__match_args__ = tuple(fields)
        if "__init__" not in defined:
            cls.__init__ = _late_init(cls, fields, frozen)
        if repr and "__repr__" not in defined:
            cls.__repr__ = _late_repr(cls, [name for name, one in fields.items() if one.repr])
        compared = [name for name, one in fields.items() if one.compare]
        key = attrgetter(*compared) if compared else _nothing
        if "__eq__" not in defined:
            cls.__eq__ = _equality(key, len(compared) == 1)
        # as dataclasses has it: frozen ones are hashed by value, others not at all, unless the class says how
        if defined.get("__hash__") is None:
            cls.__hash__ = _hashing(key, len(compared) == 1) if frozen else None
        if frozen:
            cls.__setattr__, cls.__delattr__ = _freezing(cls, fields)
        if "__replace__" not in defined:
            cls.__replace__ = replace
        cls.__dataclass_fields__ = _Described(frozen, repr, "__dataclass_fields__")
        cls.__dataclass_params__ = _Described(frozen, repr, "__dataclass_params__")
        return cls

    def _nothing(_self):
        return ()

    def _late_init(cls, fields, frozen):
        """An __init__ that serves a few objects, then compiles the class's own in its place, and goes on there."""
        names = tuple(fields)
        served = 0

        def __init__(self, /, *args, **kwargs):
            nonlocal served
            served += 1
            values = _values(fields, names, args, kwargs) if served < _COMPILED_FROM else None
            if values is None:
                made = _compiled_init(cls, fields, frozen)
                cls.__init__ = made
                made(self, *args, **kwargs)
                return
            if frozen:
                self.__dict__.update((name, values[name]) for name in names)
            else:
                for name in names:
                    setattr(self, name, values[name])
            if hasattr(cls, "__post_init__"):
                self.__post_init__()

        __init__.__qualname__ = f"{cls.__qualname__}.__init__"
        return __init__

    def _values(fields, names, args, kwargs):
        """What an object's fields are; None for arguments that do not fit, which a compiled __init__ refuses."""
        values = dict(zip(names, args, strict=False))
        named = 0
        for name in names[len(args) :]:
            if name in kwargs:
                values[name] = kwargs[name]
                named += 1
            elif fields[name].factory is _MISSING and (fixed := fields[name].default) is not _MISSING:
                values[name] = fixed
            elif fields[name].factory is _MISSING:
                return None
        if len(args) > len(names) or named != len(kwargs):
            return None
        for name in names[len(args) :]:
            if name not in values:
                values[name] = fields[name].factory()
        return values

    def _compiled_init(cls, fields, frozen):
        parameters, body = ["self"], []
        known = {"_MISSING": _MISSING}
        for i, (name, one) in enumerate(fields.items()):
            value = name
            if one.factory is not _MISSING:
                known[f"_f{i}"] = one.factory
                parameters.append(f"{name}=_MISSING")
                value = f"_f{i}() if {name} is _MISSING else {name}"
            elif one.default is not _MISSING:
                known[f"_d{i}"] = one.default
                parameters.append(f"{name}=_d{i}")
            else:
                parameters.append(name)
            body.append(f"  _own_[{name!r}] = {value}" if frozen else f"  self.{name} = {value}")
        if frozen and body:  # past the class's own __setattr__: a quarter of the time of object.__setattr__
            body.insert(0, "  _own_ = self.__dict__")
        if hasattr(cls, "__post_init__"):
            body.append("  self.__post_init__()")
        text = f"def __init__({', '.join(parameters)}):\n" + ("\n".join(body) or "  pass")
        exec(text, known)
        made = known["__init__"]
        made.__qualname__ = f"{cls.__qualname__}.__init__"
        made.__module__ = cls.__module__
        return made

    def _late_repr(cls, names):
        def __repr__(self):
            from reprlib import recursive_repr

            def shown(self):
                words = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
                return f"{type(self).__qualname__}({words})"

            cls.__repr__ = recursive_repr()(shown)
            return cls.__repr__(self)

        return __repr__

    def _equality(key, single):
        if single:

            def __eq__(self, other):
                if other.__class__ is self.__class__:
                    return (key(self),) == (key(other),)
                return NotImplemented
        else:

            def __eq__(self, other):
                if other.__class__ is self.__class__:
                    return key(self) == key(other)
                return NotImplemented

        return __eq__

    def _hashing(key, single):
        if single:
            return lambda self: hash((key(self),))
        return lambda self: hash(key(self))

    def _freezing(cls, fields):
        def __setattr__(self, name, value):
            if type(self) is cls or name in fields:
                _refuse(f"cannot assign to field {name!r}")
            super(cls, self).__setattr__(name, value)

        def __delattr__(self, name):
            if type(self) is cls or name in fields:
                _refuse(f"cannot delete field {name!r}")
            super(cls, self).__delattr__(name)

        return __setattr__, __delattr__

    def _refuse(problem):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(problem)

    class _Described:
        """What the functions of `dataclasses` look for in a class, made when they do."""

        def __init__(self, frozen, repr, name):
            self.options = {"frozen": frozen, "repr": repr}
            self.name = name

        def __get__(self, instance, owner=None):
            cls = type(instance) if owner is None else owner
            home = next(base for base in cls.__mro__ if base.__dict__.get(self.name) is self)
            import dataclasses

            body = {"__annotations__": {}}
            for name, one in home.__late_fields__.items():
                body["__annotations__"][name] = _annotation(home, name)
                given = {"repr": one.repr, "compare": one.compare}
                if one.factory is not _MISSING:
                    given["default_factory"] = one.factory
                elif one.default is not _MISSING:
                    given["default"] = one.default
                body[name] = dataclasses.field(**given)
            twin = dataclasses.dataclass(**self.options)(type(home.__name__, (), body))
            for name in ("__dataclass_fields__", "__dataclass_params__"):
                type.__setattr__(home, name, twin.__dict__[name])
            return twin.__dict__[self.name]

    def _annotation(cls, name):
        return next(base.__annotations__[name] for base in cls.__mro__[:-1] if name in base.__annotations__)


__all__ = ["NamedTuple", "dataclass", "field", "replace"]
