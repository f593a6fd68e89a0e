"""Addresses that depend on where a program itself lies, as C expressions of what it measures at its start."""

from __future__ import annotations

from ..events import Trace
from .constants import number

_KERNELS_OWN = ("[vvar]", "[vvar_vclock]", "[vdso]")
_U64 = (1 << 64) - 1
_FAR = 1 << 40  # bytes below the top in which a search from above places areas


class Layout:
    """What the scenario says of the areas before its first step; `known`: it says anything."""

    def __init__(self, trace: Trace) -> None:
        areas = trace.initial
        self.known = bool(areas)
        heaps = [a for a in areas if a[2] in ("[heap]", "(heap)")]
        heap = heaps[-1] if heaps else None
        self.bss = {start for start, _, _ in heaps[:-1]}  # beside the break, so called too before 6.6
        self.heap_shown = any(name == "[heap]" for _, _, name in areas)
        self.heap_start = heap[0] if heap else 0
        made = trace.rows(0, min(1, len(trace)))
        self.break_start = int(made[0][3]) if self.known and len(made) else 0
        self.top = min((start for start, _, name in areas if name in _KERNELS_OWN), default=0)
        self.pages = sum(end - start for start, end, _ in areas) // 4096
        self.used = False

    def address(self, value: int) -> str:
        """`value` as C: relative to the top or the break where it is the kernel's choice."""
        value &= _U64
        if self.known and value:
            if self.top and self.top - _FAR <= value <= self.top:
                self.used = True
                return f"top - {hex(self.top - value)}" if value != self.top else "top"
            if self.heap_start and value == self.heap_start:
                self.used = True
                return "heap_start"
            if self.break_start and self.heap_start < value < self.break_start + (1 << 26):
                self.used = True
                offset = value - self.break_start
                return f"break_start {'-' if offset < 0 else '+'} {hex(abs(offset))}"
        return number(value)
