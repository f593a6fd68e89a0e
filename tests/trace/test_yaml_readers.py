"""The subset reader and the full reader: whatever the first accepts means the same to the second."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from remaptrace.errors import InputError
from remaptrace.trace.scenario.read import build, read_canonical, read_scenario
from remaptrace.trace.scenario.yamldoc import decode, load
from remaptrace.trace.scenario.yamlmini import NotCanonical, check_text, parse

from .traces_alike import assert_alike

_PIECES = [
    "steps:",
    "name: ",
    "a: ",
    "b:",
    "- ",
    "  ",
    "\n",
    "\n",
    "\n- ",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "'",
    '"',
    "#",
    " # note",
    "0x10",
    "7",
    "-1",
    "--x",
    "007",
    "~",
    "null",
    "true",
    "rw-p",
    "...",
    "---",
    "&x",
    "*x",
    "!t",
    "|",
    ">",
    "%",
    "@1",
    "?",
    "x y",
    "1:2",
    "é",
    "\t",
]


def texts() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)


@given(texts())
@example("a: {b: 1}\n  c: 2")
@example("a: x\n  y")
@example("a: - b")
@example("- ")
@example("- - 1\n  - 2")
@example("a:\n- 1\nb:\n  - 2")
@example("- a:\n  - 1\n  b: 2")
@example("7: {a: x - y}")
def test_whatever_the_subset_accepts_means_the_same_to_the_full_reader(text: str) -> None:
    try:
        check_text(text)
        value = parse(text.split("\n"), 1, {})
    except NotCanonical:
        return
    assert load(text).root == value


def values() -> st.SearchStrategy[Any]:
    words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=6)
    leaves = st.one_of(st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), words)
    keys = st.text("abcxyz_", min_size=1, max_size=4)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
        max_leaves=12,
    )


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), values(), min_size=1, max_size=3), st.booleans()
)
def test_what_the_yaml_library_writes_reads_back(value: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow)
    assert load(text).root == value


def step_lines() -> st.SearchStrategy[str]:
    number = st.one_of(st.integers(0, 1 << 64), st.integers(0, 99)).map(lambda n: hex(n) if n % 2 else str(n))
    prot = st.sampled_from(["r", "rw", "none", "rwx", "rr", "7", "08", "0x1000003", "0x1g", "own"])
    flags = st.sampled_from(
        [
            *("[private, anonymous]", "[shared, fixed, 0x10]", "[]", "16", "[shared,fixed]", "[]x"),
            *("[private, '32bit']", "[private, 'it''s']", "[private, own]", "['']", "[']"),
        ]
    )
    fd = st.sampled_from(["a", "-1", "bad", "nofile", "3"])
    reference = st.sampled_from(["'@1'", "'@0+0x10'", "'@1-0x1000'", "'@1+08'", "'@1+'", "'@99'", "@1"])
    addr = st.one_of(number, reference)
    step = st.one_of(
        st.builds("- munmap: {{addr: {}, length: {}}}".format, addr, number),
        st.builds("- munmap: {{length: {}, addr: {}}}".format, number, addr),
        st.builds("- read: {}".format, addr),
        st.builds("- write: {{addr: {}, value: {}}}".format, addr, number),
        st.builds("- mprotect: {{addr: {}, length: {}, prot: {}}}".format, addr, number, prot),
        st.builds(
            "- mmap: {{addr: {}, length: {}, prot: {}, flags: {}, fd: {}, offset: {}}}".format,
            addr,
            number,
            prot,
            flags,
            fd,
            number,
        ),
        st.builds(
            "- madvise: {{addr: {}, length: {}, advice: {}}}".format,
            addr,
            number,
            st.sampled_from(["free", "4", "x"]),
        ),
        st.sampled_from(
            ["- dump: {}", "- fork: {}", "- fork_wait: {}", "- snapshot: here", "- brk: {offset: 4096}"]
        ),
        st.sampled_from(
            ["- repeat: {count: 2, steps: [read: i]}", "# a note", "- dump:", "-  dump: {}", "- 7"]
        ),
    )
    expect = st.sampled_from(
        [
            "",
            "",
            "\n  expect: {result: 0}",
            "\n  expect: {result: 0x1000}",
            "\n  expect: {error: EINVAL}",
            "\n  expect: {outcome: ok, minor_faults: 1}",
            "\n  expect:\n    vmas: []",
            "\n  expect: {}",
            "\n  pid: 1",
            " ",
        ]
    )
    return st.builds("{}{}".format, step, expect)


def areas(indent: str) -> st.SearchStrategy[str]:
    """Lists of areas, as dumps and ends show them; some lines tell less, more, or something else."""
    number = st.sampled_from(
        ["0", "4096", "0x100000000000", "0xffffffffffffffff", "0x10000000000000000", "08"]
    )
    perms = st.sampled_from(["rw-p", "---p", "r--s", "null", "rwp"])
    file = st.sampled_from(["null", "a", "'shm@9'", "'null'", "''", "7", "a b", "[x]", "~"])
    more = st.sampled_from(
        ["", "", ", vmflags: rd wr mr", ", vmflags: ''", ", pages: aa.", ", file: b", ", x: 1"]
    )
    line = st.builds(
        f"{indent}- {{{{start: {{}}, end: {{}}, perms: {{}}, offset: {{}}, file: {{}}{{}}}}}}\n".format,
        *(number, number, perms, number, file, more),
    )
    return st.lists(line, min_size=1, max_size=3).map("".join)


def listings() -> st.SearchStrategy[str]:
    after = st.sampled_from(["", "", "", "  pid: 0\n", "    - 7\n", "# a note\n"])
    return st.builds("- dump: {{}}\n  expect:\n    vmas:\n{}{}".format, areas("    "), after).map(
        lambda text: text.removesuffix("\n")
    )


def documents() -> st.SearchStrategy[str]:
    head = st.sampled_from(
        [
            "",
            "name: x\narch: i386\n",
            "brk_start: 0x5000\n",
            "vars: {own: 2}\n",
            "about: 'x'\nlayout: top-down # y\n",
            "nome: x\n",
            "name: ten\narch: x86_64\npage_size: 4096\n",
            "name: true\nname: x\n",
            "name: null\nlayout: yes\n",
        ]
    )
    tail = st.one_of(
        st.sampled_from(
            ["", "vmas: []\n", "vmas:\n- {start: 0, end: 4096, perms: r--p}\n", "name: y\n", "x\n"]
        ),
        areas("").map("vmas:\n{}".format),
    )
    lines = st.lists(st.one_of(step_lines(), step_lines(), listings()), max_size=6)
    made = (
        "- memfd: {id: a, pages: 1, fill: false}\n"
        "- mmap: {addr: 0, length: 4096, prot: r, flags: [shared], fd: a, offset: 0}\n"
    )
    return st.builds(
        lambda h, s, t: h + "steps:\n" + made + "".join(f"{x}\n" for x in s) + t, head, lines, tail
    )


@given(documents())
def test_both_ways_through_a_scenario_agree(text: str) -> None:
    quick = read_canonical(text, "n", "p.yaml")
    if quick is not None:
        assert_alike(quick, build(load(text, "p.yaml"), "n"))


def test_what_a_word_means_in_one_scenario_is_nothing_in_another() -> None:
    """Words that every scenario knows are remembered for all; those that one names are not."""
    text = (
        "steps:\n- mmap: {addr: 4096, length: 4096, prot: own, flags: [private, mine], fd: -1, offset: 0}\n"
    )
    for own, mine in ((1, 32), (3, 34), (1, 32)):
        trace = read_canonical(f"vars: {{own: {own}, mine: {mine}}}\n{text}", "n", "")
        assert trace is not None
        assert [int(trace.columns[name][0]) for name in ("a2", "a3")] == [own, mine | 2]
    assert read_canonical(text, "n", "") is None
    for head, expected in (("vars: {own: 7}\n", 7), ("vars: {own: 8}\n", 8)):
        trace = read_canonical(
            f"{head}steps:\n- munmap: {{addr: 4096, length: 1}}\n  expect: {{result: own}}\n", "n", ""
        )
        assert trace is not None
        assert trace.expects[0].fields == {"result": expected}


@pytest.mark.parametrize("made", [("a", "b"), ("b",), ("c", "b"), ("a", "b")])
def test_a_step_whose_meaning_its_scenario_makes_is_read_anew(made: tuple[str, ...]) -> None:
    """The same texts mean other descriptors, references, processes and results wherever they stand."""
    files = "".join(f"- memfd: {{id: {name}, pages: 1, fill: true}}\n" for name in made)
    text = f"""name: x
steps:
{files}- mmap: {{addr: 0x10000, length: 4096, prot: rw, flags: [shared, fixed], fd: b, offset: 0}}
  expect: {{result: 0x10000}}
- munmap: {{addr: '@{len(made)}+0x1000', length: 4096}}
  expect: {{result: 0}}
- munmap: {{addr: 0x20000, length: 4096}}
  expect: {{result: 0}}
- fork: {{}}
- munmap: {{addr: 0x20000, length: 4096}}
  expect: {{result: 0}}
- munmap: {{addr: 0xffffffffffffffff, length: 4096}}
  expect: {{error: EINVAL}}
"""
    for _ in range(2):
        quick = read_canonical(text, "n", "p.yaml")
        assert quick is not None
        assert_alike(quick, build(load(text, "p.yaml"), "n"))


def test_what_is_changed_in_one_scenario_stays_there() -> None:
    """Texts are remembered, what was made of them is each trace's own."""
    text = """name: x
steps:
- munmap: {addr: 4096, length: 4096}
  expect: {result: 0}
- mmap: {addr: 0x10000, length: 4096, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}
  expect: {result: 0x10000}
- dump: {}
  expect:
    vmas:
    - {start: 0x10000, end: 0x11000, perms: rw-p, offset: 0, file: null}
- pages: {addr: 0x10000, count: 1}
  expect: {pages: ., file_pages: [null]}
"""
    for _ in range(3):
        trace = read_canonical(text, "n", "p.yaml")
        assert trace is not None
        assert_alike(trace, build(load(text, "p.yaml"), "n"))
        trace.columns["a0"][:] = 7
        for expectation in trace.expects:
            for value in expectation.fields.values():
                if isinstance(value, list):
                    value[0] = {} if isinstance(value[0], dict) and value[0].update(start=1) is None else 5
            expectation.fields["result"] = 5


@given(listings(), areas(""))
def test_both_ways_through_lists_of_areas_agree(listing: str, end: str) -> None:
    text = f"name: x\nsteps:\n- munmap: {{addr: 0, length: 4096}}\n{listing}\nvmas:\n{end}"
    quick = read_canonical(text, "n", "p.yaml")
    try:
        slow = build(load(text, "p.yaml"), "n")
    except InputError:
        assert quick is None
    else:
        assert quick is None or assert_alike(quick, slow) is None


@given(st.one_of(st.binary(max_size=200), texts().map(str.encode), documents().map(str.encode)))
def test_no_input_ends_in_anything_but_a_trace_or_an_input_error(data: bytes) -> None:
    try:
        read_scenario(data, path="p.yaml")
    except InputError as error:
        assert error.code.startswith("RT1")


@pytest.mark.parametrize("text", ["a: 1\r\n", "a:\t1", "---\na: 1", "a: 'it''s'", "a: |\n  x", "a: 1 # x"])
def test_forms_outside_the_subset_are_left_to_the_full_reader(text: str) -> None:
    with pytest.raises(NotCanonical):
        check_text(text)
        parse(text.split("\n"), 1, {})


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_that_is_no_utf_8_is_told_where_it_is(mark: bytes) -> None:
    """Behind a byte order mark, too: its three bytes were counted, and another byte was shown."""
    with pytest.raises(InputError) as told:
        decode(mark + "name: é\nsteps: ".encode() + b"\xff\n", "x.yaml")
    assert (told.value.line, told.value.column, told.value.found) == (2, 8, "byte 0xff")
    assert decode(mark + b"name: x\n", "x.yaml") == "name: x\n"
