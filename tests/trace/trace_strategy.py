"""Random traces for round trips: any kind, any number, any table."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from remaptrace.abi.calls import ARGUMENTS, KIND_NAMES, MOST_PAGES
from remaptrace.abi.kinds import K_INIT_VMA, K_MUNMAP
from remaptrace.trace.events import RELOCATION_DTYPE, TRUTH_DTYPE, Expectation, Trace, TraceBuilder

_TEXT = {"path", "name", "file"}
words = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-2, 8), st.integers(0, 1 << 34))
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=5)


def _bounded(name: str, tasks: int) -> st.SearchStrategy[int]:
    """Numbers that an argument of this name may have: rows of tables and choices are bounded, see `trace.proved`."""
    if name == "child":
        return st.integers(0, tasks - 1)
    if name in ("type", "vm_perms"):
        return st.integers(0, 4)
    if name == "rule":
        return st.integers(0, 100)
    if name in ("pages", "count"):
        return st.integers(0, MOST_PAGES)
    return st.integers(0, 1 << 20).map(lambda n: n * 4096) if name == "offset" else words


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """A trace of a few tasks with up to 12 events."""
    b = TraceBuilder()
    tasks = draw(st.integers(1, 3))
    for row in range(tasks):
        b.task(draw(st.integers(0, 1 << 30)), 1, draw(names), row - 1)
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(sorted(KIND_NAMES)))
        args = [b.string(draw(names)) if n in _TEXT else draw(_bounded(n, tasks)) for n in ARGUMENTS[kind]]
        if kind == K_INIT_VMA:
            args[:2] = (len(b.rows) * 8192, len(b.rows) * 8192 + 4096)
        b.event(
            kind,
            draw(st.integers(0, tasks - 1)),
            args + [draw(words) for _ in range(draw(st.integers(0, 6 - len(args))))],
            draw(st.none() | words),
            draw(st.integers(0, 63)) * 2,
            draw(st.integers(0, 1 << 40)),
            draw(st.integers(0, 1 << 62)),
        )
    count = len(b.rows)
    fields: dict[str, Any] = {
        "name": draw(names),
        "recorded": draw(st.booleans()),
        "arch": draw(st.none() | names),
    }
    fields["sources"] = draw(st.lists(names, min_size=1, max_size=2))
    fields["format"] = "strace"
    if count:
        event = st.integers(0, count - 1)
        rows = draw(st.lists(st.tuples(event, st.integers(0, 99), words, words, words, words), max_size=2))
        refs = draw(st.lists(st.tuples(event, st.integers(0, 5), event, words), max_size=2))
        refs = [r for r in refs if r[2] < r[0] and b.rows[r[0]][0] == K_MUNMAP]
        fields["truth"] = np.array(sorted(rows), dtype=TRUTH_DTYPE) if rows else None
        fields["relocations"] = np.array(sorted(refs), dtype=RELOCATION_DTYPE) if refs else None
        answers = st.dictionaries(st.sampled_from(["result", "value"]), words, min_size=1)
        expected = draw(st.dictionaries(event, answers, max_size=3))
        fields["expects"] = [Expectation(e, e, 0, f) for e, f in sorted(expected.items())]
    return b.finish(**fields)
