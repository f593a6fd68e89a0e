"""Large logs: memory and time beside what they must take, many processes, very many areas, the first run of all."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator

from . import logs
from .commands import work
from .spent import Spent, bare_python, environment, folder, in_turn, spent, tool
from .table import Row


def large() -> Iterator[Row]:
    """Ten million lines: memory against the text, the whole run against its parts."""
    path = logs.large()
    text = path.stat().st_size
    whole = spent(tool("run", path), memory=True)
    group = "a log of 10,000,000 lines"
    yield Row(group, "anonymous memory against its text", whole.anonymous / text, 1, at_least=False,
              detail=f"{whole.anonymous >> 20:,} / {text >> 20:,} MiB", stretch=0.5)  # fmt: skip
    parts = work(path)  # the less of two runs, as the whole is
    needed = parts["lex"] + parts["follow"] + parts["loop"]
    cpu = min(whole.cpu, spent(tool("run", path)).cpu)
    yield Row(group, "run against lex, follow and replay", cpu / needed, 1.5, at_least=False,
              detail=f"{cpu:.1f} / {needed:.1f} s", stretch=1.2)  # fmt: skip
    path.unlink()
    logs.large.cache_clear()


def processes() -> Iterator[Row]:
    """A line of a log of 2,000 processes against one of 8."""
    few, many = logs.of_processes(8), logs.of_processes(2_000)
    found = in_turn({"few": tool("run", few), "many": tool("run", many)})
    yield Row("many processes", "2,000 against 8, a line", found["many"].cpu / found["few"].cpu, 1.5,
              at_least=False, detail=f"{found['many'].cpu:.2f} / {found['few'].cpu:.2f} s")  # fmt: skip


def one_process() -> Iterator[Row]:
    """One process with a million areas: the whole run against its replay."""
    path = logs.of_one_process()
    setting = "max_map_count=2000000"
    whole = in_turn({"run": tool("run", path, "--set", setting)}, turns=3)["run"].cpu
    replayed = work(path, setting)["replay"]
    yield Row("very many areas", "one process with 1,000,000: run against its replay", whole / replayed, 1.5,
              at_least=False, detail=f"{whole:.2f} / {replayed:.2f} s")  # fmt: skip
    path.unlink()
    logs.of_one_process.cache_clear()


_WITHOUT = (
    "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None; "
    "from remaptrace.cli import main; sys.exit(main())"
)


def first_run() -> Iterator[Row]:
    """The first run of all, with nothing kept, against a later one; without numba; with the code that was shipped."""
    path = logs.usual()
    group = "the first run of a log of 1,000,000 lines"
    runs: list[tuple[Spent, Spent, Spent]] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory(dir=folder()) as home:
            env = environment(HOME=home, REMAPTRACE_CACHE=os.path.join(home, "cache"))
            once, later = (spent(tool("run", path), env) for _ in range(2))
            runs.append((once, later, spent([bare_python(), "-c", _WITHOUT, "run", str(path)], env)))
    first, again, without = (min(turns, key=lambda one: one.cpu) for turns in zip(*runs, strict=True))
    yield Row(group, "against a later run", first.cpu / again.cpu, 1.5, at_least=False,
              detail=f"{first.cpu:.2f} / {again.cpu:.2f} s", stretch=1.1)  # fmt: skip
    yield Row(group, "its memory against a later run", first.resident / again.resident, 1.2, at_least=False,
              detail=f"{first.resident >> 20} / {again.resident >> 20} MiB")  # fmt: skip
    yield Row(group, "without numba and llvmlite, against a later run", without.cpu / again.cpu, 1.1,
              at_least=False, detail=f"{without.cpu:.2f} s")  # fmt: skip


_COMPILE = "from remaptrace.machinecode.build import make_object; make_object('engine', 'run.loop.replay')"


def compiling() -> Iterator[Row]:
    """The engine from edited sources: processor time, of which 55 s were needed once.

    Shipped code is left aside: from its bitcode LLVM alone would make the engine.
    """
    env = environment(REMAPTRACE_SHIPPED="0")
    seconds = in_turn({"": [sys.executable, "-c", _COMPILE]}, 2, env)[""].cpu
    yield Row(
        "compiling from edited sources", "the engine", seconds, 27.5, at_least=False, unit="s", stretch=18.3
    )


def split() -> Iterator[Row]:
    """The reader on one thread against Python's split of every line."""
    from remaptrace.trace.strace.door import read_strace

    data = logs.usual().read_bytes()
    read_strace(data[:1_000_000], name="warm")
    ours = theirs = 1e9
    for _ in range(3):
        began = time.process_time()
        for line in data.split(b"\n"):
            line.split()
        middle = time.process_time()
        read_strace(data, name="usual", threads=1)
        theirs = min(theirs, middle - began)
        ours = min(ours, time.process_time() - middle)
    rate = data.count(b"\n") / 1e6
    yield Row("strace text", "one thread against split of every line", theirs / ours, 4,
              detail=f"{rate / ours:.2f} / {rate / theirs:.2f} M lines/s")  # fmt: skip
