"""Page frames: numbers, counts and bytes against plain lists and bytearrays."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.engine.pages import frames as fr
from remaptrace.engine.state import F_REFS, G_RAM_USED

from .machines import small_arena

PAGE = 4096

_op = st.one_of(
    st.tuples(st.just("store"), st.integers(0, PAGE - 1), st.integers(0, 255)),
    st.tuples(st.just("fill"), st.integers(0, PAGE), st.integers(0, 3)),
)


@settings(max_examples=60)
@given(st.lists(_op, max_size=40), st.integers(0, PAGE - 1))
def test_bytes_of_a_frame_are_those_of_a_bytearray(ops, probe):
    m = small_arena()
    pfn = fr.frame_anon(m, 0, 0)
    twin = bytearray(PAGE)
    for op, a, value in ops:
        if op == "store":
            fr.byte_store(m, pfn, a, value)
            twin[a] = value
        else:
            end = min(a + 1000, PAGE)
            if a < end:
                fr.bytes_fill(m, pfn, a, end, value)
                twin[a:end] = bytes([value]) * (end - a)
    copy = fr.frame_anon(m, 0, 0)
    fr.bytes_copy(m, copy, pfn)
    for at in {probe, 0, PAGE - 1, *(a for _, a, _ in ops if a < PAGE)}:
        assert fr.byte_load(m, pfn, at) == twin[at]
        assert fr.byte_load(m, copy, at) == twin[at]


def test_a_copy_does_not_change_with_its_source():
    m = small_arena()
    pfn = fr.frame_anon(m, 0, 0)
    fr.byte_store(m, pfn, 7, 1)
    copy = fr.frame_anon(m, 0, 0)
    fr.bytes_copy(m, copy, pfn)
    fr.byte_store(m, pfn, 7, 2)
    assert fr.byte_load(m, copy, 7) == 1


def test_ram_is_counted_and_refused_when_used_up():
    m = small_arena(ram="40K")
    taken = []
    while pfn := fr.frame_alloc(m):
        taken.append(pfn)
    assert len(set(taken)) == 10
    fr.frame_free(m, taken[3])
    assert m[G_RAM_USED] == 9
    assert fr.frame_alloc(m) == taken[3]


def test_a_freed_frame_comes_back_zeroed():
    m = small_arena()
    pfn = fr.frame_anon(m, 0, 5)
    fr.byte_store(m, pfn, 100, 9)
    fr.frame_unmap(m, pfn)
    assert fr.frame_anon(m, 0, 0) == pfn
    assert fr.byte_load(m, pfn, 100) == 0


def test_the_last_of_two_mappings_frees_the_frame():
    m = small_arena()
    pfn = fr.frame_anon(m, 0, 0)
    fr.frame_map(m, pfn)
    fr.frame_unmap(m, pfn)
    assert m[fr.frame(m, pfn) + F_REFS] == 1
    fr.frame_unmap(m, pfn)
    assert m[G_RAM_USED] == 0


def test_the_zero_page_is_never_freed_nor_counted():
    m = small_arena()
    zero = fr.zero_frame(m)
    fr.frame_unmap(m, zero)
    fr.frame_unmap(m, zero)
    assert fr.zero_frame(m) == zero
    assert m[G_RAM_USED] == 0


def test_a_huge_block_is_aligned_and_comes_back_whole():
    m = small_arena()
    fr.frame_alloc(m)
    block = fr.frame_block(m, 512)
    assert block % 512 == 0
    fr.block_free(m, block, 512)
    assert m[G_RAM_USED] == 1
    assert fr.frame_block(m, 512) == block
