"""numba with less work gives what numba gives; what is not plain goes numba's way."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SETUP = """
import ctypes, itertools
from llvmlite import binding as llvm
from remaptrace.machinecode.build import Jit
from remaptrace.machinecode.emit import object_of
from remaptrace.machinecode.image import placed
from remaptrace.machinecode.lean import lowering, passes
from remaptrace.machinecode.linking import image_of
from remaptrace.machinecode.target import SYMBOL, target_machine

lowered = []
short = passes.lean_compiler

if not {short}:
    from numba.core import compiler
    import remaptrace.machinecode.build as build
    build.lean_compiler = lambda: compiler.Compiler
else:
    lean = passes.lean_compiler()
    ways = lean.define_pipelines
    def counted(self):
        made = ways(self)
        lowered.append(made[0].pipeline_name)
        return made
    if {count}:
        lean.define_pipelines = counted

jit = Jit(nogil=True)
"""

_KERNELS = """
@jit.kernel
def turn(a, b):
    while b != 0:
        a, b = b, a - (a // (b if b > 0 else -b if b < 0 else 1)) * (b if b > 0 else -b if b < 0 else 1)
        if a == 3:
            continue
        if a > 1000:
            break
    return a

@jit.kernel
def swap(m, a, b):
    first, second = a, b
    for i in range(a & 7):
        first, second = second, first + i
        m[i & 3] += first
        if second & 4:
            third = second
        else:
            third = -first
        m[3] = third
    return first - second

@jit.seldom
def choice(a, b):
    if a > b:
        x = 1
    elif a == b:
        x = 2
    else:
        x = a if b & 1 and a != 5 or not b else 7
    return min(x, b) + max(a, 3, b) + (1 if a < b < 9 else 0)

def whole(m, a, b):
    return turn(a, b) * 31 + swap(m, a, b) * 7 + choice(a, b) + m[0] ^ m[3] >> 2

entry = jit.entry(whole, "int64(CPointer(int64), int64, int64)")
"""

_ANSWERS = """
machine = target_machine(image=True)
image = image_of(object_of(entry.module(), machine), SYMBOL)
call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(placed(image))
words = (ctypes.c_int64 * 4)(5, -6, 7, 8)
for a, b in itertools.product((-9, -1, 0, 1, 2, 5, 6, 1001, 2**62), (-3, 0, 1, 4, 5, 8, 2**40)):
    print(call(ctypes.addressof(words), a, b), *words)
"""


def _said(script: str, *, short: bool = True, count: bool = False) -> str:
    """What a process of its own says, as one that makes machine code: numba is changed in it."""
    text = _SETUP.format(short=short, count=count) + script
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_short_way_computes_what_numbas_way_computes() -> None:
    answers = _said(_KERNELS + _ANSWERS)
    assert answers == _said(_KERNELS + _ANSWERS, short=False)
    assert len(set(answers.splitlines())) > 40


def test_remembered_signatures_make_the_same_code() -> None:
    forget = "\nimport remaptrace.machinecode.build as build\nbuild.remember_answers = lambda: False\n"
    show = "\nprint(object_of(entry.module(), target_machine(image=True)).hex())"
    assert _said(_KERNELS + show) == _said(_KERNELS + forget + show)


_NUMBAS_OWN = {
    "quiet": "import remaptrace.machinecode.build as build; build.be_quiet = lambda: None",
    "inference": "from numba.core import typeinfer as own; from remaptrace.machinecode.lean import inference as ours; "
    "ours.lean_inference = lambda: own.TypeInferer",
    "reading": "from numba.core import interpreter as own; from remaptrace.machinecode.lean import reading as ours; "
    "ours.lean_reading = lambda: own.Interpreter",
}


@pytest.mark.parametrize("part", _NUMBAS_OWN)
def test_what_is_left_out_changes_no_byte(part: str) -> None:
    again = f"\n{_NUMBAS_OWN[part]}\npasses.lean_compiler.cache_clear()\njit = Jit(nogil=True)\n"
    show = """
print(object_of(entry.module(), target_machine(image=True)).hex())
print(lowered)
"""
    kernels = _MORE_KERNELS
    assert _said(again + kernels + show) == _said(kernels + show)


_MORE_KERNELS = (
    _KERNELS.replace("def whole(m, a, b):", "def first(m, a, b):").replace(
        'entry = jit.entry(whole, "int64(CPointer(int64), int64, int64)")\n', ""
    )
    + """
import numpy as np

@jit.kernel
def pair(a, b=3):
    return a + b, a < b

@jit.kernel
def rows(m, a):
    total = np.uint32(0)
    for i in range(1, a & 15):
        for j in range(i):
            x, less = pair(i, j) if j & 1 else pair(j)
            total += np.uint32(x) if less else m[x & 3]
            if not less and x == 5:
                break
        else:
            total -= a
    return np.int64(total) + (True and a)

@jit.kernel
def widened(a, b):
    x = a
    while x < 100:
        y = x
        x = y * 2 + 1 if y > b else np.int32(y) + 3
    return x

def whole(m, a, b):
    first_of = 0
    if a > b:
        first_of = rows(m, b)
    return first_of + rows(m, a) + turn(a, b) + widened(a, b) + choice(a, b) + swap(m, a, b)

entry = jit.entry(whole, "int64(CPointer(int64), int64, int64)")
"""
)


def test_one_module_of_text_makes_the_code_that_linked_modules_make() -> None:
    """numba's own way of linking numbers functions otherwise, so that answers are compared."""
    apart = "\nimport remaptrace.machinecode.build as build\nbuild.put_off_linking = lambda: False\n"
    assert _said(_KERNELS + _ANSWERS) == _said(_KERNELS + apart + _ANSWERS)


@pytest.mark.parametrize(
    ("body", "ways"),
    [
        ("return a + 1", ["plain"]),
        ("x, y = (a, 2)\n    return x * y", ["plain"]),
        ("if a > 3:\n        raise ValueError('never seen')\n    return a", ["plain", "nopython"]),
        ("if a > 3:\n        x = a * 2\n        return x\n    return x", ["plain", "nopython"]),
    ],
)
def test_plain_functions_go_the_short_way_and_others_numbas(body: str, ways: list[str]) -> None:
    script = f"""
@jit.kernel
def part(a):
    {body}

def whole(a):
    return part(a)

jit.entry(whole, "int64(int64)").module()
print(lowered)
"""
    # the entry is numba's
    assert _said(script, count=True) == f"{ways}\n"


def test_generators_go_numbas_way() -> None:
    script = """
@jit.kernel
def below(a):
    for i in range(a):
        yield i

@jit.kernel
def part(a):
    total = 0
    for i in below(a):
        total += i
    return total

def whole(a):
    return part(a)

jit.entry(whole, "int64(int64)").module()
print(lowered)
"""
    assert _said(script, count=True).startswith("['plain', 'nopython'")


def test_what_numba_refuses_is_refused_once() -> None:
    """Each caller tries in two ways: what is wrong far below would be tried again by all of them."""
    calls = "".join(f"@jit.kernel\ndef f{i}(a):\n    return f{i - 1}(a)\n" for i in range(1, 12))
    script = (
        _SETUP.format(short=True, count=True)
        + f"""
@jit.kernel
def f0(a):
    return no_such_name + a

{calls}
try:
    jit.entry(f11.py_func, "int64(int64)").module()
except Exception as error:
    print("no_such_name" in str(error), lowered.count("nopython"))
"""
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "True 1\n", done.stderr


def test_what_is_counted_is_not_lowered_the_short_way() -> None:
    """An array made in a function has to be given back, which the short way does not do."""
    script = """
import numpy as np

@jit.kernel
def part(a):
    words = np.zeros(4, np.int64)
    words[a & 3] = a
    return words[1]

def whole(a):
    return part(a)

jit.entry(whole, "int64(int64)").module()
print("nopython" in lowered)
"""
    assert _said(script, count=True) == "True\n"


@pytest.mark.parametrize("missing", ["numba.core.lowering.Lower.alloca", "numba.core.ssa"])
def test_a_numba_that_is_built_otherwise_is_left_as_it_is(missing: str) -> None:
    name = missing.rpartition(".")[2]
    script = f"""
import importlib, sys, types
import numba
from numba.core import compiler
from remaptrace.machinecode.lean import passes
if {name == "ssa"}:
    import numba.core
    sys.modules["numba.core.ssa"] = None
    del numba.core.ssa
else:
    from numba.core import lowering
    del lowering.Lower.alloca
passes.lean_compiler.cache_clear()
print(passes.lean_compiler() is compiler.Compiler)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_frames_have_room_and_nothing_is_collected_meanwhile() -> None:
    import gc

    from remaptrace.machinecode.lean.room import with_room

    seen = []

    def inside() -> int:
        seen.append(gc.isenabled())
        return 7

    before = gc.isenabled()
    assert with_room(inside) == 7
    assert (seen, gc.isenabled()) == ([False], before)
    with pytest.raises(ZeroDivisionError):
        with_room(lambda: 1 // 0)
    assert gc.isenabled() == before


def test_libraries_that_are_not_read_have_what_numba_gives_its_own() -> None:
    """numba 0.63.0 asks each for what that very class has set up."""
    script = """
from numba.core import codegen
base = codegen.CPUCodeLibrary
usual = base.__init__

def set_up(self, codegen, name):
    usual(self, codegen, name)
    self.asked_for = 7

base.__init__ = set_up
import numba
numba.njit(lambda: 1)
from numba.core.registry import cpu_target
from remaptrace.machinecode.lean.onemodule import put_off_linking
assert put_off_linking()
library = cpu_target.target_context.codegen().create_library("part")
print(type(library).__name__, library.asked_for, library._final_module, library.written)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "Unread 7 None []\n", done.stderr
