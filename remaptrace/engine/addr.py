"""Addresses and lengths: the machine's word, pages, the end of user space. All in bytes.

Arguments of system calls are 64-bit patterns held as signed words; a 32-bit machine sees their low
half. Every call passes them through `uword` first.
"""

from __future__ import annotations

from ..abi.errnos import EINVAL
from ..machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE, A_WORD_MASK
from .jit import kernel, ult, wrap
from .state import H_ARCH, Mem


@kernel
def uword(m: Mem, value: int) -> int:
    """`value` as the machine's unsigned long: 32 bits cut off, or a signed 64-bit pattern."""
    return wrap(value) & m[H_ARCH + A_WORD_MASK]


@kernel
def page_size(m: Mem) -> int:
    """Bytes of a page."""
    return 1 << m[H_ARCH + A_PAGE_SHIFT]


@kernel
def page_align(m: Mem, value: int) -> int:
    """PAGE_ALIGN: up to a page boundary, wrapping to 0 at the end of the word."""
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    return uword(m, wrap(value + page - 1) & -page)


@kernel
def page_floor(m: Mem, value: int) -> int:
    """Down to a page boundary."""
    return value & -(1 << m[H_ARCH + A_PAGE_SHIFT])


@kernel
def page_offset(m: Mem, value: int) -> int:
    """Bytes of `value` behind its page boundary; 0: aligned."""
    return value & ((1 << m[H_ARCH + A_PAGE_SHIFT]) - 1)


@kernel
def beyond(m: Mem, addr: int, length: int) -> int:
    """1 if [addr, addr + length), both unsigned words, does not lie in [0, TASK_SIZE)."""
    top = m[H_ARCH + A_TASK_SIZE]
    if length < 0 or addr < 0 or length > top:
        return 1
    return 1 if addr > top - length else 0


@kernel
def range_wraps(m: Mem, start: int, length: int) -> int:
    """1 if [start, start + PAGE_ALIGN(length)) ends below its start. Both are words of the machine, in bytes."""
    return ult(uword(m, wrap(start + page_align(m, length))), start)


@kernel
def range_refused(m: Mem, start: int, length: int) -> int:
    """-EINVAL for a range that calls on pages refuse before they look at areas, else 0 (is_valid_madvise, do_mseal).

    An unaligned start, a length that PAGE_ALIGN makes 0, an end beyond the end of the word.
    """
    if page_offset(m, start) != 0 or (length != 0 and page_align(m, length) == 0):
        return -EINVAL
    return -EINVAL if range_wraps(m, start, length) != 0 else 0


@kernel
def range_end(m: Mem, start: int, length: int) -> int:
    """The end of such a range, `start` if it is empty; what lies above every user address is one place."""
    end = uword(m, wrap(start + page_align(m, length)))
    return 1 << 62 if end < 0 and end != start else end
