"""Call stacks that a log has: frames and stacks as tables, and a column that names the stack of each event.

`strace -k` prints `` > OBJECT(SYMBOL+0xOFF) [0xADDR]`` behind a call, `-kk` with `` FILE:LINE`` besides; perf script
prints ``ADDR SYMBOL+0xOFF (OBJECT)``. Both go from the innermost frame out. Frames of the kernel are left out: what
asked for the memory is the program. A log without stacks has no column and no tables.
"""

from __future__ import annotations

import os
import re

import numpy as np

from .events import Trace

_STRACE = re.compile(
    rb" > (?P<object>[^(\[]*?)(?:\((?P<symbol>.*?)(?:\+0x[0-9a-f]+)?\))? ?\[0x(?P<addr>[0-9a-f]+)\]"
    rb"(?: (?P<source>\S+:\d+))?\s*\Z"
)
_PERF = re.compile(
    rb"\s+(?P<addr>[0-9a-f]+) (?:(?P<symbol>.+?)(?:\+0x[0-9a-f]+)? \((?P<object>[^()]*(?:\([^()]*\))?)\)"
    rb"|(?P<bare>[^\s()=:,][^()=]*?(?:\([^()]*\)[^()=]*?)?)(?:\+0x[0-9a-f]+)?)\s*\Z"
)
_PERF_TRACE = re.compile(
    rb"\s{2,}(?:\[(?:0x)?(?P<addr>[0-9a-f]+)\]|(?P<symbol>[^\s()].*?)(?:\+0x[0-9a-f]+)?)"
    rb" \((?P<object>[^()]*(?:\([^()]*\))?)\)\s*\Z"
)
"""A frame of perf trace --call-graph: ``brk (/usr/lib/ld.so)``, ``[0x3033] (/usr/bin/env)``."""
_KERNEL = (b"[kernel", b"[guest.kernel", b"[bpf", b"[vmlinux")
_DEEPEST = 1024


class StackLines:
    """Collects the lines of stacks; a stack belongs to the line in front of its first."""

    def __init__(self) -> None:
        self.by_line: dict[int, list[int]] = {}
        self.first_parts: dict[int, int] = {}
        """Lines at which a call returned: the line where it began, which may have the stack."""
        self.lines = 0
        """How many lines were taken."""
        self._frames: dict[str, int] = {}
        self._owner = self._last = 0

    def line(self, number: int, text: bytes, *, perf_trace: bool = False) -> bool:
        """Take a line; False if it is none of a stack. `perf_trace`: by the form of that tool alone."""
        found = _PERF_TRACE.match(text) if perf_trace else _STRACE.match(text) or _PERF.match(text)
        if found is None:
            return False
        self.lines += 1
        if number != self._last + 1 or not self._owner:
            self._owner = number - 1
        self._last = number
        stack = self.by_line.setdefault(self._owner, [])
        thing = found["object"] or b""
        if not thing.startswith(_KERNEL) and len(stack) < _DEEPEST and _tells(found):
            stack.append(self._frames.setdefault(_frame(found), len(self._frames)))
        return True

    def attach(self, trace: Trace) -> None:
        """Give `trace` the tables and the column, if there were stacks."""
        if not self.by_line:
            return
        numbers: dict[tuple[int, ...], int] = {(): 0}
        of_line = {
            line: numbers.setdefault(tuple(stack), len(numbers)) for line, stack in self.by_line.items()
        }
        for line, first in self.first_parts.items():
            if line not in of_line and first in of_line:
                of_line[line] = of_line[first]
        lines = trace.columns["line"].tolist()
        trace.columns["stack"] = np.array([of_line.get(line, 0) for line in lines], dtype=np.int32)
        trace.frames = list(self._frames)
        trace.stacks = [list(stack) for stack in numbers]


def _tells(found: re.Match[bytes]) -> bool:
    """False for the null address that ends some stacks."""
    addr: bytes | None = found["addr"]
    return addr is None or addr.strip(b"0") != b""


def _frame(found: re.Match[bytes]) -> str:
    """A frame as ``symbol (object)``; code without a name is told by its object, or its address."""
    thing = os.path.basename((found["object"] or b"").decode("utf-8", "replace"))
    symbol = (found["symbol"] or found.groupdict().get("bare") or b"").decode("utf-8", "replace")
    if symbol and symbol != "[unknown]":
        return f"{symbol} ({thing})" if thing and thing != "[unknown]" else symbol
    if thing and thing != "[unknown]":
        return f"{thing}+0x{found['addr'].decode()}"
    return f"0x{found['addr'].decode()}"
