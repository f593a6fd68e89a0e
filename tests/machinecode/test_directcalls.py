"""Values are returned, errors have no way out: what could raise one is not made."""

from __future__ import annotations

import subprocess
import sys

import pytest

_MAKE = """
from remaptrace.machinecode.build import Jit
from remaptrace.machinecode.emit import object_of
from remaptrace.machinecode.target import target_machine

jit = Jit()

@jit.kernel
def part(a, b):
    return {body}

def whole(a, b):
    return part(a, b) + 1

print(len(object_of(jit.entry(whole, "int64(int64, int64)").module(), target_machine())) > 0)
"""


def _made(body: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, as the engine's machine code is made: numba is changed in it."""
    return subprocess.run(
        [sys.executable, "-c", _MAKE.format(body=body)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("body", ["a // b", "a % b"])
def test_a_division_by_what_may_be_zero_is_not_made(body: str) -> None:
    done = _made(body)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "RuntimeError: compiled code calls an_error_that_nobody_would_see"


@pytest.mark.parametrize("body", ["a * b", "a // 100", "a // b if b > 0 else 0"])
def test_what_cannot_fail_is_made(body: str) -> None:
    done = _made(body)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
