"""Classes made late are what those of `dataclasses` are: each property of a twin pair is compared."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from remaptrace import lateclasses


def pair(make: Callable[[Any], type]) -> tuple[type, type]:
    return make(lateclasses), make(dataclasses)


def plain(m: Any) -> type:
    @m.dataclass
    class C:
        a: int
        b: str = "x"
        c: list[int] = m.field(default_factory=list)
        kept: ClassVar[int] = 7

    return C


def frozen(m: Any) -> type:
    @m.dataclass(frozen=True)
    class C:
        a: int
        b: tuple[int, ...] = m.field(default=(1,), repr=False)
        own: str = ""  # a word that made code might take for itself

    return C


def single(m: Any) -> type:
    @m.dataclass(frozen=True)
    class C:
        a: object

    return C


def empty(m: Any) -> type:
    @m.dataclass
    class C:
        pass

    return C


def wordless(m: Any) -> type:
    @m.dataclass(frozen=True, repr=False)
    class C:
        a: int
        b: int = m.field(default=3, compare=False)

        def __repr__(self) -> str:
            return f"<{self.a}>"

    return C


def heir(m: Any) -> type:
    @m.dataclass
    class Base:
        a: int
        b: int = 2

    @m.dataclass
    class C(Base):
        c: int = 4
        a: int = 5

        def __post_init__(self) -> None:
            self.b += 100

    return C


def equal_its_way(m: Any) -> type:
    @m.dataclass
    class C:  # noqa: PLW1641
        a: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, int)

    return C


def hashed_its_way(m: Any) -> type:
    @m.dataclass
    class C:
        a: int

        def __hash__(self) -> int:
            return 5

    return C


SHAPES = [plain, frozen, single, empty, wordless, heir, equal_its_way, hashed_its_way]
ARGUMENTS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((float("nan"),), {}),
    (("a", 2), {}),
    ((), {"a": 3}),
    ((1,), {"b": (5, 6)}),
    ((1, 2, 3), {}),
    ((1, 2, 3, 4, 5), {}),
    ((1,), {"a": 1}),
    ((1,), {"z": 1}),
    (([],), {}),
]


def outcome(work: Callable[[], Any]) -> Any:
    """What `work` gives, or the kind of its exception."""
    try:
        return work()
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.__name__)
def test_objects_are_as_those_of_dataclasses(shape: Callable[[Any], type]) -> None:
    for args, words in ARGUMENTS:
        told = []
        for kind in pair(shape):
            made = outcome(lambda kind=kind, args=args, words=words: kind(*args, **words))
            if isinstance(made, str):
                told.append(made)
                continue
            other = kind(*args, **words)
            told.append(
                [
                    repr(made).replace("lateclasses", "dataclasses"),
                    vars(made),
                    made == other,
                    made != other,
                    made == 5,
                    made == object(),
                    outcome(lambda made=made, other=other: hash(made) == hash(other)),
                    outcome(lambda made=made: setattr(made, "a", 9)),
                    outcome(lambda made=made: setattr(made, "other", 9)),
                    outcome(lambda made=made: delattr(made, "a")),
                    repr(outcome(lambda other=other: lateclasses.replace(other, a=8))),
                    repr(outcome(lambda other=other: dataclasses.replace(other, a=8))),
                    outcome(lambda other=other: lateclasses.replace(other, zz=8)),
                    outcome(lambda other=other: vars(copy.deepcopy(other))),
                    dataclasses.asdict(other),
                    dataclasses.is_dataclass(other),
                ]
            )
        assert repr(told[0]) == repr(told[1]), (args, words)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.__name__)
def test_classes_describe_themselves_as_those_of_dataclasses(shape: Callable[[Any], type]) -> None:
    late, standard = pair(shape)
    assert late.__match_args__ == standard.__match_args__  # type: ignore[attr-defined]
    for mine, theirs in zip(dataclasses.fields(late), dataclasses.fields(standard), strict=True):
        assert [mine.name, mine.type, mine.compare, mine.repr] == [
            *(theirs.name, theirs.type, theirs.compare, theirs.repr)
        ]
        assert repr(mine.default) == repr(theirs.default)
        assert mine.default_factory == theirs.default_factory
    is_frozen = shape in (frozen, single, wordless)
    heirs = [
        dataclasses.make_dataclass("D", [("more", int, 1)], bases=(kind,), frozen=is_frozen)
        for kind in (late, standard)
    ]
    assert [f.name for f in dataclasses.fields(heirs[0])] == [f.name for f in dataclasses.fields(heirs[1])]


def test_a_list_for_all_objects_is_refused() -> None:
    with pytest.raises(ValueError, match="default_factory"):

        @lateclasses.dataclass
        class C:
            a: list[int] = []  # noqa: RUF012


def test_objects_of_the_package_go_through_pickle_and_match_statements() -> None:
    from remaptrace.errors import InputError
    from remaptrace.trace.events import MapsRow, Skipped

    row = MapsRow(1, 2, "rw-p", 0, "00:00", 5, "[heap]")
    assert pickle.loads(pickle.dumps(row)) == row
    match Skipped(0, 3, 1, "RT102", "x", "y"):
        case Skipped(source=0, line=line):
            assert line == 3
    error = InputError("RT002", "no such file", path="x")
    assert pickle.loads(pickle.dumps(error)).args == error.args
    assert vars(copy.copy(error))["code"] == "RT002"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_hundredth_object_is_as_the_first(shape: Callable[[Any], type]) -> None:
    """The first are made without a compiled __init__; wrong arguments are refused in between as ever."""
    late, _ = pair(shape)
    for args, kwargs in ARGUMENTS:
        answers = set()
        for made in (late, *(shape(lateclasses) for _ in range(2))):
            for _ in range(50):
                try:
                    one = made(*args, **kwargs)
                except TypeError as error:
                    answers.add(str(error))
                else:
                    answers.add(repr((list(vars(one).items()), one.__class__.__qualname__)))
        assert len(answers) == 1, answers


def test_each_object_has_a_list_of_its_own() -> None:
    made = plain(lateclasses)
    objects = [made(1) for _ in range(40)]
    assert len({id(one.c) for one in objects}) == 40
