"""Every attribute of abi.attributes keeps areas apart, goes with them, and lets them join again."""

from __future__ import annotations

import pytest

from remaptrace.abi.attributes import ATTRIBUTES, attributes
from remaptrace.advice.neighbours import Neighbours
from remaptrace.engine.areas.merge import vma_modify_attribute
from remaptrace.engine.areas.vmaset import find_exact
from remaptrace.engine.look.inspect import vma_rows
from remaptrace.engine.state import N_ATTRIBUTES, V_ANAME, V_ATTRIBUTES, V_POLICY, V_UFFD
from remaptrace.result.result import VmaRow

from .simulated import MAYMOVE, PAGE, REMAP_FIXED, RW, B, Process

WORDS = {name: V_ATTRIBUTES + i for i, name in enumerate(ATTRIBUTES)}


def rows(p: Process) -> list[VmaRow]:
    return list(vma_rows(p.m, p.mm, [""] * 10))


def set_on(p: Process, page: int, word: int, value: int) -> None:
    start = B + page * PAGE
    vma = find_exact(p.m, p.mm, start)
    assert vma_modify_attribute(p.m, p.mm, vma, start, start + PAGE, word, value) > 0
    assert not p.broken()


def test_the_words_of_areas_are_those_of_the_list() -> None:
    assert WORDS == {"policy": V_POLICY, "uffd": V_UFFD, "named": V_ANAME}
    assert len(ATTRIBUTES) == N_ATTRIBUTES == len(attributes())


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_area_with_another_value_stands_alone_until_it_is_the_same(name: str) -> None:
    p = Process()
    p.map(0, 3, RW)
    set_on(p, 1, WORDS[name], 7)
    areas = rows(p)
    assert [row.attributes for row in areas] == [attributes(), attributes(**{name: 7}), attributes()]
    assert Neighbours().why_apart(areas[0], areas[1]) == ATTRIBUTES[name]
    set_on(p, 2, WORDS[name], 7)
    assert [(row.end - row.start) // PAGE for row in rows(p)] == [1, 2]
    set_on(p, 1, WORDS[name], 0)
    set_on(p, 2, WORDS[name], 0)
    assert len(rows(p)) == 1


@pytest.mark.parametrize("name", [n for n in ATTRIBUTES if n != "uffd"])
def test_an_attribute_goes_with_a_split_a_fork_and_a_move(name: str) -> None:
    """Registrations of userfaultfd have rules of their own there."""
    p = Process()
    p.map(0, 3, RW)
    for page in range(3):
        set_on(p, page, WORDS[name], 7)
    p.munmap(1, 2)
    p.mremap(2, 1, 1, MAYMOVE | REMAP_FIXED, 20)
    child = p.fork()
    for one in (p, child):
        assert [row.attributes for row in rows(one)] == [attributes(**{name: 7})] * 2
