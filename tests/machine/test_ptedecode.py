"""PTE words in words."""

from __future__ import annotations

import pytest

from remaptrace.engine.look.ptedecode import decode, file_rights, kind
from remaptrace.machine.arch import load_arch_file
from tests.engine.pte_vectors import SERIES, vectors


def _fields(arch, series, word):
    return {f.name: f.value for f in decode(load_arch_file(arch, series), word)}


def test_a_file_word_of_i386_shows_its_offset_and_its_saved_protection():
    fields = _fields("i386", "rfp2007", 0x24652)
    assert fields == {"pgoff 3:0": "0x4", "pgoff 26:4": "0x123", "FILE": "1", "RW": "1", "protection": "rwx"}
    assert file_rights(load_arch_file("i386", "rfp2007"), 0x24652) == "rwx"


def test_an_inverted_frame_is_shown_as_the_frame_it_means():
    (pfn,) = [
        f for f in decode(load_arch_file("x86_64-4l-6.10", "plain"), 0x000FFFFFFEDCB120) if f.name == "pfn"
    ]
    assert (pfn.value, pfn.meaning) == ("0x1234", "frame number, stored inverted")


def test_the_guard_marker_is_named():
    arch = load_arch_file("x86_64-4l-6.10", "plain")
    from remaptrace.machine.archwords import P_GUARD

    assert kind(arch, arch.words[P_GUARD]) == "guard"
    assert decode(arch, arch.words[P_GUARD])[-1].name == "marker"


def test_an_empty_word_has_no_fields():
    assert decode(load_arch_file("s390x", "plain"), 0x400) == []


@pytest.mark.parametrize("v", vectors(), ids=lambda v: v["id"])
def test_every_published_word_decodes_to_the_numbers_it_was_made_of(v):
    arch = load_arch_file(v["arch"], SERIES[v["kernel"]])
    word = int(v["pte"], 16)
    total = dict.fromkeys(("pfn", "pgoff", "type", "offset"), 0)
    for f in decode(arch, word):
        name, _, part = f.name.partition(" ")
        if name in total:
            low = int(part.partition(":")[2] or part or 0)
            total[name] += int(f.value, 16) << low
    what = kind(arch, word)
    if what != v["kind"].removesuffix("-prot"):
        assert "defect" in v
    elif what == "present":
        assert total["pfn"] == v["pfn"]
    elif what == "file":
        assert total["pgoff"] == v["decoded_pgoff"]
    else:
        assert (total["type"], total["offset"]) == (v["decoded_type"], v["decoded_offset"])
