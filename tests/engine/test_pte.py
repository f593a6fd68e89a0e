"""PTE words against the published vectors, and round trips over random words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.engine.look.ptedecode import file_rights
from remaptrace.engine.pages import pte
from remaptrace.engine.state import H_ARCH
from remaptrace.machine import archwords as A
from remaptrace.machine.arch import PROTS, arch_names, load_arch_file
from tests.engine.pte_vectors import SERIES, arena, index, unsigned, vectors


def _words(v):
    return int(v["pte"], 16), int(v.get("pte_stored", v["pte"]), 16)


def _id(v):
    return f"{v['id']}-{v['arch']}-{v['kernel']}-{v['kind']}"


def _of(kind):
    return [pytest.param(v, id=_id(v)) for v in vectors() if v["kind"] == kind]


def test_all_503_vectors_are_looked_at():
    assert sum(len(_of(k)) for k in ("present", "file", "file-prot", "swap")) == len(vectors()) == 503


@pytest.mark.parametrize("v", _of("present"))
def test_a_present_word_is_made_as_published(v):
    m = arena(v["arch"], SERIES[v["kernel"]])
    word, stored = _words(v)
    made = pte.mk_pte(m, v["pfn"], index(v["prot"], v["map"] == "shared"))
    assert unsigned(made) == word
    assert unsigned(pte.pte_shown(m, made)) == stored
    assert pte.pte_pfn(m, made) == v["pfn"]
    assert PROTS[pte.pte_rights(m, made)] == v["decoded_prot"]
    if v["arch"] != "sparc32-srmmu" or v["prot"] != "---":  # V-SPARC-1
        assert pte.pte_present(m, made) == 1


@pytest.mark.parametrize("v", _of("file") + _of("file-prot"))
def test_a_file_word_is_made_and_read_as_published(v):
    m = arena(v["arch"], SERIES[v["kernel"]])
    word, stored = _words(v)
    prot = index(v["prot"] or "---", True)
    made = pte.mk_file_pte(m, v["pgoff"], prot)
    assert unsigned(made) == word
    assert unsigned(pte.pte_shown(m, made)) == stored
    assert pte.pte_to_pgoff(m, made) == v["decoded_pgoff"]
    if v["kind"] == "file-prot":
        pgprot = pte.file_pte_prot(m, made)
        assert unsigned(pgprot) == int(v["decoded_pgprot"], 16)
        assert file_rights(load_arch_file(v["arch"], SERIES[v["kernel"]]), word) == v["decoded_prot"]


@pytest.mark.parametrize("v", _of("swap"))
def test_a_swap_word_is_made_and_read_as_published(v):
    m = arena(v["arch"], SERIES[v["kernel"]])
    word, stored = _words(v)
    made = pte.mk_swap_pte_type(m, v["swap_type"], v["swap_offset"])
    assert unsigned(made) == word
    assert unsigned(pte.pte_shown(m, made)) == stored
    assert pte.pte_swap_type(m, made) == v["decoded_type"]
    assert pte.pte_swap_offset(m, made) == v["decoded_offset"]
    assert pte.pte_swap(m, made) == (0 if "pte_present() is true" in v.get("defect", "") else 1)


# ---- round trips -----------------------------------------------------------------------------

ALL = [(name, series) for name in arch_names() for series in ("plain", "rfp2007", "rfp2005", "intended")]


def _fits(series, arch):
    return arch.era == "2.6" or series == "plain"


def _arches():
    for name, series in ALL:
        arch = load_arch_file(name, series)
        if _fits(series, arch):
            yield pytest.param(arch, id=f"{name}-{series}")


def _stored_bits(m):
    """How many offset bits a file PTE can hold: the slices that lead out of it."""
    width = 0
    for i in range(4):
        _, mask, to = m[H_ARCH + A.P_FILE_OUT + 3 * i : H_ARCH + A.P_FILE_OUT + 3 * i + 3]
        width = max(width, to + mask.bit_length())
    return width


@pytest.mark.parametrize("arch", list(_arches()))
@settings(max_examples=40)
@given(data=st.data())
def test_frames_and_bits_survive_every_change_of_a_present_word(arch, data):
    m = arena(arch.name, arch.series)
    pfn = data.draw(st.integers(1, m[H_ARCH + A.P_PFN_MASK]))
    prot = data.draw(st.integers(0, 15))
    w = pte.mk_pte(m, pfn, prot)
    steps = data.draw(st.lists(st.sampled_from("WwDdYym"), max_size=8))
    dirty, young = pte.pte_dirty(m, w), pte.pte_young(m, w)
    change = {"W": pte.pte_mkwrite, "w": pte.pte_wrprotect, "D": pte.pte_mkdirty, "d": pte.pte_mkclean}
    change |= {"Y": pte.pte_mkyoung, "y": pte.pte_mkold}
    for step in steps:
        if step == "m":
            w = pte.pte_modify(m, w, data.draw(st.integers(0, 15)))
            young = young if not pte.pte_young(m, w) else 1  # a protection may carry the accessed bit
            continue
        w = change[step](m, w)
        if step == "w" or (step == "W" and pte.pte_user(m, w)):  # a write bit on no access means nothing
            assert pte.pte_write(m, w) == (1 if step == "W" else 0)
        if step in "Dd":
            dirty = 1 if step == "D" else 0
        if step in "Yy":
            young = 1 if step == "Y" else 0
        assert pte.pte_pfn(m, w) == pfn
        assert -(1 << 63) <= w < 1 << 63
    assert pte.pte_pfn(m, w) == pfn
    assert pte.pte_dirty(m, w) == dirty
    assert pte.pte_young(m, w) == young


@pytest.mark.parametrize("arch", [a for a in _arches() if a.values[0].max_bits])
@settings(max_examples=40)
@given(data=st.data())
def test_an_offset_comes_back_from_a_file_word_unless_a_defect_says_otherwise(arch, data):
    m = arena(arch.name, arch.series)
    broken = {("m32r", s): "V-M32R-1" for s in ("plain", "rfp2007", "rfp2005", "intended")} | {
        ("sparc64-sun4u", "rfp2005"): "P05-SPARC-1",
        ("ia64", "rfp2005"): "P05-IA64-1",
    }
    bits = min(arch.max_bits, _stored_bits(m))
    pgoff = data.draw(st.integers(0, (1 << bits) - 1))
    w = pte.mk_file_pte(m, pgoff, data.draw(st.integers(8, 15)))
    assert -(1 << 63) <= w < 1 << 63
    assert unsigned(w) < 1 << 8 * arch.pte_bytes
    if (arch.name, arch.series) not in broken:
        assert pte.pte_to_pgoff(m, w) == pgoff


@pytest.mark.parametrize("arch", list(_arches()))
@settings(max_examples=40)
@given(data=st.data())
def test_type_and_offset_come_back_from_a_swap_word(arch, data):
    m = arena(arch.name, arch.series)

    def width(at):
        return max(m[H_ARCH + at + 3 * i] + m[H_ARCH + at + 3 * i + 1].bit_length() for i in range(2))

    kind = data.draw(st.integers(0, (1 << min(5, width(A.P_SWAP_TYPE))) - 1))
    offset = data.draw(st.integers(0, (1 << width(A.P_SWAP_OFFSET)) - 1))
    w = pte.mk_swap_pte_type(m, kind, offset)
    assert (pte.pte_swap_type(m, w), pte.pte_swap_offset(m, w)) == (kind, offset)
    assert unsigned(w) < 1 << 8 * arch.pte_bytes


@pytest.mark.parametrize("arch", [a for a in _arches() if a.values[0].support == "native"])
def test_a_native_file_word_gives_back_rights_that_the_architecture_has(arch):
    """The protection of a file PTE is one of the protection map, or a defect of the catalogue."""
    m = arena(arch.name, arch.series)
    lossy = {"rfp2007": {"i386-pae", "x86_64"}, "rfp2005": {"i386-pae", "x86_64"}}.get(arch.series, set())
    defects = arch.series == "rfp2005" and not arch.name.startswith(("i386", "x86_64", "um-"))
    for prot in range(8, 16):
        want = pte.pte_rights(m, pte.mk_pte(m, 1, prot))
        got = pte.pte_rights(m, pte.file_pte_prot(m, pte.mk_file_pte(m, 5, prot)))
        if defects:
            continue
        assert got == (want | 4 if want & 1 and arch.name in lossy else want)


def test_a_guard_marker_is_neither_present_nor_swap():
    m = arena("x86_64-4l-6.10", "plain")
    guard = pte.mk_guard_pte(m)
    assert (pte.pte_guard(m, guard), pte.pte_present(m, guard), pte.pte_swap(m, guard)) == (1, 0, 0)
    assert (pte.pte_swap_type(m, guard), pte.pte_swap_offset(m, guard)) == (31, 4)


@pytest.mark.parametrize("offset", [0x80, 0x100])
def test_sh_takes_some_file_words_for_present_pages(offset):
    m = arena("sh", "plain")  # V-SH-1
    assert pte.pte_present(m, pte.mk_file_pte(m, offset, 8)) == 1


def test_a_file_word_of_2005_with_no_access_tests_as_present():
    m = arena("i386", "rfp2005")  # P05-I386-1
    assert pte.pte_present(m, pte.mk_file_pte(m, 5, 8)) == 1
    assert pte.pte_present(arena("i386", "rfp2007"), pte.mk_file_pte(arena("i386", "rfp2007"), 5, 8)) == 0
