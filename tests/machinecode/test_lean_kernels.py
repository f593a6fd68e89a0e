"""Kernels of every shape, compiled the short way, by numba alone and not at all: one answer."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.machinecode.calling import function_at
from remaptrace.machinecode.image import placed

_KERNELS = """
import numpy as np

@kernel
def floors(a, b):
    by = b if b != 0 else 7
    if by == -1:
        by = -3  # the least number by -1 has no answer
    quotient, rest = divmod(a, by)
    c = a
    c //= by
    d = a
    d %= by
    return (a // by ^ a % by) + (quotient - rest) * 3 + (c - d) * 5

@kernel
def shifts(a, b):
    by = b & 63
    c = a
    c <<= by
    d = a
    d >>= by
    e = np.uint64(a) >> np.uint64(by)
    return (c ^ d) + ((a & b) - (a | b)) + (~a ^ -b) + np.int64(e ^ np.uint64(b))

@kernel
def wraps(a, b):
    c = a * b + (a - b)
    c *= 3
    c -= a
    c += b
    return c + a**3 - abs(b) + min(a, b, 5) - max(a, 3, b)

@kernel
def unsigned(a, b):
    u, v = np.uint64(a), np.uint64(b)
    c = (u < v) + 2 * (u <= v) + 4 * (u == v) + 8 * (u > a) + 16 * (a < v) + 32 * (b == u) + 64 * (u >= b)
    d = u // (v | np.uint64(1)) + u % (v | np.uint64(1)) + (u - v) * v
    e = 1 if u + a > v else 0  # numba makes floats of these
    return c + np.int64(d) * 128 + e

@kernel
def narrow(a, b):
    c, d, e = np.int32(a), np.uint8(b), np.int16(b)
    f = c * 3 + d
    g = (d + e) << 2
    return f + g - (c > d) + (np.int8(a) >> 3) + (np.uint32(b) >> 3) + ~np.uint16(a)

@kernel
def truth(a, b):
    c = a > b
    d = not a
    e = c + d * 3 - (a < b) + (c & d) + (c | (a == b)) + (c ^ d) * 5
    f = a and b
    g = a or b
    h = 0 <= a < b <= 99 or not c and a != b
    return e + f - g + (7 if h else 9) + (11 if c else 0) + int(c == d) + (a in (1, 2, b)) - (True if a else b)

@kernel
def flagged(flag, other, a):
    if flag and not other:
        return a
    return a + flag + other * 2

@kernel
def is_above(a, b):
    return a > b

@kernel
def flags(a, b):
    return flagged(a > b, is_above(b, 3), a) + is_above(a, b) + (5 if is_above(b, a) else 6)

@kernel
def three(a, b=5, c=-2):
    return a * 3 + b * 2 - c

@kernel
def both(a, b):
    return b, (a, a > b)

@kernel
def calls(a, b):
    c, (d, e) = both(a, b)
    return three(a) + three(a, b) * 7 + three(a, c=b) * 11 + three(c=c, b=d, a=e)

@kernel
def each_time(a, b):
    total = 0
    for i in range(a & 15):
        fresh = i * b
        kept = fresh
        fresh_too = kept + total
        total = fresh_too ^ i
    return total

@kernel
def time_before(a, b):
    i = 0
    while True:
        fresh = i * b + 3
        i += 1
        if i < 2 + (a & 7):
            before = fresh
            continue
        return before * 31 + fresh

@kernel
def time_before_that(a, b):
    total = 0
    for i in range(2 + (a & 7)):
        fresh = i ^ b
        if i == 0:
            older = old = a
            continue
        total = total * 3 + older
        older = old
        old = fresh
    return total

@kernel
def some_times(a, b):
    total = 0
    for i in range(a & 31):
        if i & 1 or i == 0:
            seen = i + b
        else:
            total += seen
        if i % 3 == 2:
            continue
        total ^= seen
    return total

@kernel
def one_branch(a, b):
    if a > b:
        difference = a - b
        sign = 1
    total = b
    if a > b:
        total = difference * sign
    return total

@kernel
def constants(a, b):
    if a > 0:
        x = 5
    elif b > 0:
        x = a
    else:
        x = b
    y = x
    if b & 1:
        x = y + 1
    else:
        y = 8
    return x * 10 + y

@kernel
def otherwise(a, b):
    found = -1
    for i in range(a & 15):
        if (i * 7 ^ b) & 15 == 3:
            found = i
            break
    else:
        found = 99
    j = b & 15
    while j:
        j -= 1
        if j == a & 7:
            break
    else:
        found += 1000
    return found * 16 + j

@kernel
def last_one(a, b):
    i = -5
    for i in range(a & 7, b & 15):
        pass
    for j in range(9, a & 7, -2):
        i += j
    return i * 3 + j

@kernel
def early(a, b):
    if a < 0:
        return -a
    for i in range(b & 7):
        for j in range(i, 9):
            if i * j == a & 31:
                return i * 100 + j
            if j > a:
                break
        if i == 5:
            return 77
    return b

@kernel
def turning(a, b):
    first, second, third = a, b, a ^ b
    for i in range(a & 31):
        first, second, third = second, third, first
        if i & b:
            first, second = second, first + i
        turns = 3
        while first & 3 == 1 and turns:
            third, first = first, (first >> 2) + third
            turns -= 1
    return first * 7 + second * 3 + third

@kernel
def arguments(a, b):
    while a & 15:
        a, b = a - 1, a + b
        if b & 1:
            a &= b | 7
    return a ^ b

@kernel
def deep(a, b):
    total = 0
    i = a & 3
    while i >= 0:
        i -= 1
        j = 0
        while j < b & 3:
            j += 1
            inner = i * 4 + j
            for k in range(3):
                if k == j:
                    total += inner
                    continue
                if total > 1000:
                    break
                total = total * 3 + k
            else:
                total -= inner
    return total + i
"""
_SHORT = """
from llvmlite import binding as llvm
from remaptrace.machinecode.build import Jit
from remaptrace.machinecode.emit import object_of
from remaptrace.machinecode.lean.passes import lean_compiler
from remaptrace.machinecode.linking import image_of
from remaptrace.machinecode.target import SYMBOL, target_machine

lean = lean_compiler()
ways = lean.define_pipelines
lowered = []

def counted(self):
    made = ways(self)
    lowered.append(made[0].pipeline_name)
    return made

lean.define_pipelines = counted
kernel = Jit(nogil=True).kernel
"""


def _made(kernel: Callable[[Any], Any]) -> dict[str, Any]:
    room: dict[str, Any] = {"kernel": kernel}
    exec(_KERNELS, room)
    return {name: one for name, one in room.items() if name in _NAMES}


_CALLED = {"flagged", "is_above", "three", "both"}
_NAMES = tuple(name for name in re.findall(r"^def (\w+)", _KERNELS, re.M) if name not in _CALLED)
_OF_WORDS = {"shifts", "unsigned", "narrow"}
"""What has widths, which Python's numbers have not."""


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int, int], int]:
    """All kernels in one image, chosen by number."""
    image: Path = tmp_path_factory.mktemp("lean") / "image"
    choose = "".join(f"    if which == {i}:\n        return {name}(a, b)\n" for i, name in enumerate(_NAMES))
    script = f"""{_SHORT}
{_KERNELS}
def whole(which, a, b):
{choose}    return 0

entry = Jit(nogil=True).entry(whole, "int64(int64, int64, int64)")
image = image_of(object_of(entry.module(), target_machine(image=True)), SYMBOL)
open({str(image)!r}, "wb").write(image)
print(lowered.count("nopython"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3\n"  # calls that leave arguments out
    return function_at(placed(image.read_bytes()), 3)


@pytest.fixture(scope="module")
def numbas() -> dict[str, Callable[[int, int], int]]:
    return _made(numba.njit)


_WORD = st.one_of(
    st.integers(-20, 40),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from(
        [1 << 62, -(1 << 63), (1 << 63) - 1, 1 << 31, -(1 << 31), (1 << 32) - 1, 127, 128, 255, 256]
    ),
)


@pytest.mark.parametrize("name", _NAMES)
def test_the_short_way_numba_and_python_give_one_answer(short: Any, numbas: Any, name: str) -> None:
    which, plain = _NAMES.index(name), _made(lambda function: function)[name]

    @settings(max_examples=300, deadline=None)
    @given(_WORD, _WORD)
    def compare(a: int, b: int) -> None:
        answer = short(which, a, b)
        assert answer == numbas[name](a, b)
        if name not in _OF_WORDS and max(abs(a), abs(b)) < 1000:
            assert answer == plain(a, b)

    compare()
