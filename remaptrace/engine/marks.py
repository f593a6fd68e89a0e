"""Numbers that stand in the arena and that Python in front of the engine reads or writes, too: kinds, marks, states.

They stand apart from the functions that use them: a run of shipped machine code needs the numbers alone.
"""

from __future__ import annotations

NAME_PATH = 0
"""Kinds of strings by which areas are named, see run/setup.py name_kind."""
NAME_HEAP = 1
NAME_STACK = 2
NAME_VVAR = 3  # [vvar], [vvar_vclock], [vpage]: pages without struct page
NAME_VDSO = 4
NAME_VSYSCALL = 5  # no VMA
NAME_SHMEM = 6  # memfd, /dev/shm, /dev/zero shared, SysV segments
NAME_ANON = 7  # names an anonymous area: [anon:...]
NAME_VMA, NAME_VMA_REFUSED, NAME_VMA_UNREADABLE = 8, 9, 10  # what prctl(PR_SET_VMA) was given

MARK_ASSUMED = 1
"""V_MARK: an area that no record proves."""
MARK_INITIAL = 2

NOEXEC_ASSUMED = 2
"""O_NOEXEC of a file that a recorded EPERM speaks for; 1: it is known."""
SEAL_ASSUMED = 1 << 20
"""In I_SEALS, beside F_SEAL_*: a recorded EPERM speaks for the seal."""

UNBORN, ALIVE, DEAD = 0, 1, 2
"""T_ALIVE."""

ALL_ONES = (1 << 62) - 1
"""MM_CHS, cached_hole_size, of ~0UL: kept small enough to add to."""

TAKE_ALL = 1
"""G_TAKING: every recorded refusal that nothing here explains is taken from the recording, its own machine replays."""
TAKE_MARKED = 2
"""Only those with EVF_TAKEN: another machine, or other calls, are asked what they would have answered."""
