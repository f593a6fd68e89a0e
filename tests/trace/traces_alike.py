"""Comparing traces as a whole."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from remaptrace.trace.events import Trace

_APART = {"columns", "tasks", "truth", "relocations", "expects"}
_FIELDS = tuple(f.name for f in fields(Trace) if f.name not in _APART)


def assert_alike(a: Trace, b: Trace, strings: bool = True) -> None:
    """Every column, table and field of `a` equals that of `b`; strings by number unless told otherwise."""
    assert set(a.columns) == set(b.columns)
    for name in a.columns:
        left, right = (np.asarray(t.columns[name], dtype=np.int64) for t in (a, b))
        assert np.array_equal(left, right), f"column {name}"
    for name in ("tasks", "truth", "relocations"):
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None), name
        assert left is None or np.array_equal(left, right), name
    assert list(a.expects) == list(b.expects)
    for name in _FIELDS:
        if name != "strings" or strings:
            assert getattr(a, name) == getattr(b, name), name
