"""What the processor can do is asked of the processor, also where /proc/cpuinfo tells of another one."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys

import pytest

from remaptrace.machinecode import processor
from remaptrace.machinecode.target import LEVELS, own_level
from remaptrace.sources import PACKAGE


def test_every_word_that_a_level_asks_for_can_be_asked_of_the_processor() -> None:
    assert set().union(*(level.flags for level in LEVELS)) <= set(processor._PLACES)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="words of another processor")
def test_the_processor_says_no_more_than_the_kernel_lists() -> None:
    told = processor._asked()
    if told is None:
        pytest.skip("the C library does not tell")
    assert "cx16" in told
    assert told <= processor._read()


def test_where_the_c_library_does_not_tell_the_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> int:
        raise OSError(name)

    monkeypatch.setattr(processor, "address_of", missing)
    assert processor._asked() is None
    assert processor.abilities() == processor._read()


def test_an_emulated_processor_is_taken_for_what_it_can_do() -> None:
    emulator = shutil.which("qemu-x86_64")
    if emulator is None or platform.machine() != "x86_64" or processor._asked() is None:
        pytest.skip("no emulator of user programs is here")
    code = "from remaptrace.machinecode.target import own_level; print(getattr(own_level(), 'name', None))"
    found = {
        cpu: subprocess.run(
            [emulator, "-E", f"PYTHONPATH={PACKAGE.parent}", "-cpu", cpu, sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        for cpu in ("Nehalem", "Conroe")
    }
    assert found == {"Nehalem": "x86-64-v2", "Conroe": "None"}
    best = own_level()
    assert best is None or best.machine == "x86_64"
