"""What recording costs: `python -m benchmarks.recording [ROUNDS]` prints the best wall times as a table.

Recorders that this machine lacks or does not allow are left out. The programs need nothing but Python and, for the
third, a C compiler.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOOP = """
import mmap
for _ in range(5000):
    m = mmap.mmap(-1, 8192); m[0] = 1; m.close()
"""
THREADS = """
import threading
ts = [threading.Thread(target=lambda: None) for _ in range(200)]
[t.start() for t in ts]; [t.join() for t in ts]
"""


def programs(folder: Path) -> dict[str, list[str]]:
    """The programs that are recorded, by what they are."""
    out = {
        "loop, 15,000 calls": [sys.executable, "-S", "-c", LOOP],
        "200 threads": [sys.executable, "-S", "-c", THREADS],
    }
    if shutil.which("gcc"):
        source = folder / "x.c"
        source.write_text('#include <stdio.h>\nint main(void) { return puts("x") < 0; }\n', encoding="ascii")
        out["gcc, 5 processes"] = ["gcc", "-O1", "-o", str(folder / "x"), str(source)]
    return out


def recorders() -> dict[str, list[str]]:
    """The command in front of a program for each recorder; {} is a new folder or file."""
    record = [sys.executable, "-m", "remaptrace", "record", "--no-replay", "-o", "{}"]
    out = {
        "bare": [],
        "trace": [*record, "--with", "trace", "--"],
        "ptrace, no counters": [*record, "--with", "ptrace", "--counts", "no", "--"],
        "ptrace": [*record, "--with", "ptrace", "--"],
        "perf": [*record, "--with", "perf", "--"],
        "perf, stacks": [*record, "--stacks", "--"],
    }
    if shutil.which("strace"):
        memory = ["-e", "trace=memory,process", "-o", "{}"]
        out["strace -f"] = ["strace", "-f", *memory]
        out["strace --seccomp-bpf"] = ["strace", "-f", "--seccomp-bpf", *memory]
        out["strace -k"] = ["strace", "-f", "-k", *memory]
    return out


def seconds(front: list[str], program: list[str], folder: Path, rounds: int) -> float | None:
    """The best wall time of some rounds; None where the recorder does not work here."""
    best: float | None = None
    for number in range(rounds):
        place = str(folder / f"out-{time.monotonic_ns()}-{number}")
        command = [word.replace("{}", place) for word in front] + program
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        took = time.perf_counter() - begun
        if done.returncode:
            return None
        best = took if best is None else min(best, took)
    return best


def main(rounds: int = 3) -> None:
    """Print the table in Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        every = programs(folder)
        print("| recorder | " + " | ".join(every) + " |")
        print("| --- |" + " --- |" * len(every))
        for recorder, front in recorders().items():
            times = [seconds(front, program, folder, rounds) for program in every.values()]
            if any(one is not None for one in times):
                cells = ["-" if one is None else f"{one * 1000:,.0f} ms" for one in times]
                print(f"| {recorder} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
