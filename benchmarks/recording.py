"""What recording costs: `python -m benchmarks.recording [ROUNDS]` prints times and ratios to the bare program.

Every round runs all recorders one after the other, so that a busy moment of the machine hits all of them; the best of
the rounds counts. The start of the recorder is part of its time: the first column is a program that does nothing.
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

from . import spent

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
        "nothing": ["/bin/true"],
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
        "trace, no counters": [*record, "--with", "trace", "--counts", "no", "--"],
        "trace": [*record, "--with", "trace", "--"],
        "ptrace, no counters": [*record, "--with", "ptrace", "--counts", "no", "--"],
        "ptrace": [*record, "--with", "ptrace", "--"],
        "perf": [*record, "--with", "perf", "--"],
        "perf, stacks (dwarf)": [*record, "--stacks", "--"],
        "perf, stacks (fp)": [*record, "--call-graph", "fp", "--"],
    }
    if shutil.which("strace"):
        memory = ["-e", "trace=memory,process", "-o", "{}"]
        out["strace -f"] = ["strace", "-f", *memory]
        out["strace --seccomp-bpf"] = ["strace", "-f", "--seccomp-bpf", *memory]
        out["strace -k"] = ["strace", "-f", "-k", *memory]
    return out


def seconds(front: list[str], program: list[str], folder: Path) -> float | None:
    """The wall time of one run; None where the recorder does not work here."""
    place = str(folder / f"out-{time.monotonic_ns()}")
    command = [word.replace("{}", place) for word in front] + program
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return None if done.returncode else time.perf_counter() - begun


def main(rounds: int = 3) -> None:
    """Print the table in Markdown."""
    with tempfile.TemporaryDirectory(dir=spent.folder()) as name:
        folder = Path(name)
        every, fronts = programs(folder), recorders()
        best: dict[tuple[str, str], float] = {}
        for _ in range(rounds):
            for what, program in every.items():
                for recorder, front in fronts.items():
                    took = seconds(front, program, folder)
                    if took is not None:
                        best[recorder, what] = min(took, best.get((recorder, what), took))
        print("| recorder | " + " | ".join(every) + " |")
        print("| --- |" + " --- |" * len(every))
        for recorder in fronts:
            cells = [
                _cell(best.get((recorder, what)), best.get(("bare", what)), ratio=what != "nothing")
                for what in every
            ]
            if any(cell != "-" for cell in cells):
                print(f"| {recorder} | " + " | ".join(cells) + " |", flush=True)


def _cell(took: float | None, bare: float | None, ratio: bool) -> str:
    """Milliseconds, and how many times the bare program's."""
    if took is None or not bare:
        return "-"
    return f"{took * 1000:,.0f} ms" + (f" ({took / bare:.1f}x)" if ratio and took != bare else "")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
