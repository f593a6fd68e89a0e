"""Loops: expanded in whole arrays, equal to the same steps written out one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.errors import InputError
from remaptrace.trace.scenario.loops import MAX_EVENTS, evaluate, shuffled
from remaptrace.trace.scenario.read import read_scenario

WINDOW = """
name: window
vars: {base: 0x10000000, n: 32768}
steps:
- memfd: {id: ram, pages: n, fill: true}
- mmap: {addr: base, length: n * page, prot: rw, flags: [shared, fixed], fd: ram}
- repeat:
    count: n
    shuffle: p
    seed: 7
    steps:
    - remap_file_pages: {addr: base + i * page, size: page, prot: r, pgoff: p, flags: [chgprot]}
    - read: base + i * page
      expect: {outcome: ok, value: (p + 1) % 256}
"""


def test_a_window_of_32768_pages_fits_in_20_lines() -> None:
    assert len(WINDOW.strip().splitlines()) < 20
    trace = read_scenario(WINDOW)
    assert len(trace) == 2 + 2 * 32768
    remaps = trace.rows(0, len(trace))[2::2]
    assert (remaps[:, 0] == ev.K_REMAP_FILE_PAGES).all()
    assert np.array_equal(remaps[:, 2], 0x10000000 + 4096 * np.arange(32768))
    assert np.array_equal(np.sort(remaps[:, 5]), np.arange(32768))
    assert not np.array_equal(remaps[:, 5], np.arange(32768))
    expectation = trace.expects[100]
    assert expectation.event == 2 + 2 * 100 + 1
    assert expectation.fields == {"outcome": "ok", "value": (int(remaps[100, 5]) + 1) % 256}


def test_a_shuffle_is_the_same_everywhere() -> None:
    assert shuffled(10, 7).tolist() == shuffled(10, 7).tolist()
    assert shuffled(8, 1).tolist() != shuffled(8, 2).tolist()
    assert shuffled(8, 0).tolist() == [2, 4, 6, 5, 1, 7, 0, 3]


def naive(entries: list[Any], env: dict[str, int], out: list[tuple[int, int]]) -> None:
    """The addresses and lengths of munmap steps, loop by loop, one at a time."""
    for entry in entries:
        if "repeat" in entry:
            loop = entry["repeat"]
            order = shuffled(loop["count"], loop.get("seed", 0)).tolist()
            for i in range(loop["count"]):
                inner = env | {loop["var"]: i}
                if "shuffle" in loop:
                    inner[loop["shuffle"]] = order[i]
                naive(loop["steps"], inner, out)
        else:
            step = entry["munmap"]
            out.append((evaluate(step["addr"], env), evaluate(step["length"], env)))  # type: ignore[arg-type]


def loops(depth: int) -> st.SearchStrategy[Any]:
    names = [f"v{d}" for d in range(3, depth, -1)] or ["page"]
    addr = st.builds(
        "{} * {} + {}".format,
        st.sampled_from([*names, "page"]),
        st.integers(0, 9),
        st.sampled_from([*names, "7"]),
    )
    step = st.builds(lambda a: {"munmap": {"addr": a, "length": "page"}}, addr)
    if depth == 0:
        return st.lists(step, max_size=3)
    inner = st.builds(
        lambda n, seed, steps: {
            "repeat": {"count": n, "var": f"v{depth}", "shuffle": f"s{depth}", "seed": seed, "steps": steps}
        },
        st.integers(0, 4),
        st.integers(0, 3),
        loops(depth - 1),
    )
    return st.lists(st.one_of(step, inner), max_size=3)


@given(loops(3))
def test_nested_loops_equal_the_steps_written_out(entries: list[Any]) -> None:
    import json

    trace = read_scenario(json.dumps({"steps": entries}))
    expected: list[tuple[int, int]] = []
    naive(entries, {"page": 4096}, expected)
    assert list(zip(trace.columns["a0"].tolist(), trace.columns["a1"].tolist(), strict=True)) == expected


def test_references_inside_a_loop_mean_the_same_turn() -> None:
    trace = read_scenario(
        "steps:\n- repeat:\n    count: 3\n    steps:\n"
        "    - mmap: {addr: 0, length: 4096 * (i + 1), prot: rw, flags: [private, anonymous]}\n      as: area\n"
        "    - write: {addr: '@area+8', value: i}\n"
    )
    assert trace.relocations is not None
    assert trace.relocations.tolist() == [(1, 0, 0, 8), (3, 0, 2, 8), (5, 0, 4, 8)]
    assert trace.columns["a1"].tolist() == [4096, 0, 8192, 1, 12288, 2]


def test_a_reference_from_an_inner_loop_means_the_turn_of_the_outer_one() -> None:
    trace = read_scenario(
        "steps:\n- repeat:\n    count: 2\n    steps:\n"
        "    - mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous]}\n      as: area\n"
        "    - repeat:\n        count: 2\n        var: j\n        steps:\n        - read: '@area'\n"
    )
    assert trace.relocations is not None
    assert trace.relocations["source"].tolist() == [0, 0, 3, 3]


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (f"- repeat: {{count: {MAX_EVENTS + 1}, steps: [read: 0]}}", "RT108"),
        (
            "- repeat: {count: 100000, steps: [repeat: {count: 100000, var: j, steps: [read: 0]}]}",
            "RT108",
        ),
        ("- repeat: {count: -1, steps: [read: 0]}", "RT105"),
        ("- repeat: {count: 3, steps: [fork: {}]}", "RT102"),
        ("- repeat: {count: 3, step: []}", "RT103"),
        ("- repeat: {count: 3, steps: [read: j]}", "RT105"),
        ("- repeat: {count: 3, steps: [read: 'i * 0x7fffffffffffffff']}", "RT109"),
        ("- repeat: {count: 3, steps: [read: '5 // i']}", "RT109"),
        ("- repeat: {count: 3, steps: [read: '__import__(i)']}", "RT109"),
        ("- repeat: {count: 3, steps: [read: 'i.real + 1']}", "RT109"),
    ],
)
def test_bad_loops_are_refused(steps: str, code: str) -> None:
    with pytest.raises(InputError) as error:
        read_scenario(f"steps:\n{steps}\n", path="x.yaml")
    assert error.value.code == code
    assert error.value.line == 2


def test_an_expression_never_wraps() -> None:
    names = {"i": np.array([1, 2, 3]), "k": 5}
    assert evaluate("(i << 2) + k % 3", names).tolist() == [6, 10, 14]  # type: ignore[union-attr]
    assert evaluate("min(i, 2)", names).tolist() == [1, 2, 2]  # type: ignore[union-attr]
    assert evaluate("~k", names) == -6
