"""A made-up but possible strace log of any length: ``strace -f -ttt -T -y`` of a busy server and its workers.

Every address is one that the process has mapped, areas stay around a given number, calls of concurrent threads
are split into two lines, and other calls stand between the memory calls. The same seed gives the same bytes.

    python -m benchmarks.genlog --lines 1000000 --output big.strace
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

PAGE = 4096
_LIBRARIES = [f"/usr/lib/x86_64-linux-gnu/lib{name}.so.6" for name in ("c", "m", "z", "ssl", "crypto", "pq")]
_DATA = [f"/srv/data/base/16384/{number}" for number in range(2600, 2700)]
_SIZES = (1, 1, 1, 2, 2, 4, 8, 16, 33, 64, 256)
_PROTS = ("PROT_NONE", "PROT_READ", "PROT_READ|PROT_WRITE", "PROT_READ|PROT_WRITE", "PROT_READ|PROT_EXEC")
_ADVICE = ("MADV_DONTNEED", "MADV_DONTNEED", "MADV_FREE", "MADV_HUGEPAGE", "MADV_WILLNEED")


@dataclass
class _Process:
    """An address space: areas as [start, pages, 1 if of a file], free runs by size, the heap's end."""

    pid: int
    tids: list[int]
    top: int
    brk: int
    areas: list[list[int]] = field(default_factory=list)
    free: dict[int, list[int]] = field(default_factory=dict)
    next_fd: int = 3

    def place(self, pages: int) -> int:
        """An address for so many pages."""
        runs = self.free.get(pages)
        if runs:
            return runs.pop()
        self.top -= pages * PAGE
        return self.top


class Log:
    """Makes the lines one call at a time."""

    def __init__(self, seed: int, processes: int = 8, areas: int = 700, split: float = 0.08) -> None:
        self.random = random.Random(seed)
        self.clock = 1_795_375_722_000_000  # us
        self.areas = areas
        self.split = split
        self.next_tid = 4000
        self.held: list[bytes] = []
        self.processes: list[_Process] = []
        self.wanted = processes

    def lines(self) -> Iterator[bytes]:
        """Lines without end."""
        root = self._process()
        yield self._line(
            root.pid, 'execve("/usr/sbin/server", ["server"], 0x7ffc6fad0b80 /* 12 vars */)', "0"
        )
        yield self._line(root.pid, "brk(NULL)", hex(root.brk))
        while len(self.processes) < self.wanted:
            yield from self._fork(root)
        while True:
            process = self.random.choice(self.processes)
            tid = self.random.choice(process.tids)
            yield from self._call(process, tid)

    # -- lines

    def _stamp(self, tid: int) -> str:
        self.clock += self.random.randrange(5, 90)
        return f"{tid:<5d} {self.clock // 1_000_000}.{self.clock % 1_000_000:06d} "

    def _line(self, tid: int, call: str, result: str) -> bytes:
        took = self.random.randrange(4, 60)
        return f"{self._stamp(tid)}{call:<33s} = {result} <0.{took:06d}>\n".encode()

    def _emit(self, process: _Process, tid: int, call: str, result: str) -> Iterator[bytes]:
        """A call on one line, or on two with another thread's line in between."""
        others = [other for other in process.tids if other != tid]
        if not others or self.random.random() >= self.split:
            yield self._line(tid, call, result)
            return
        yield f"{self._stamp(tid)}{call[:-1]} <unfinished ...>\n".encode()
        yield self._line(
            self.random.choice(others), f"futex({process.brk + 64:#x}, FUTEX_WAKE_PRIVATE, 1)", "1"
        )
        name = call.partition("(")[0]
        yield self._line(tid, f"<... {name} resumed>)", result)

    # -- calls

    def _process(self) -> _Process:
        tid = self.next_tid
        self.next_tid += 1
        number = len(self.processes)
        process = _Process(
            tid, [tid], 0x7F00_0000_0000 - number * 0x1_0000_0000, 0x5555_0000_0000 + number * 0x1000_0000
        )
        self.processes.append(process)
        return process

    def _fork(self, root: _Process) -> Iterator[bytes]:
        """A worker process that executes its own program, and its threads."""
        child = self._process()
        flags = "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD"
        call = f"clone(child_stack=NULL, flags={flags}, child_tidptr=0x7f20a3f96a10)"
        yield self._line(root.pid, call, str(child.pid))
        yield self._line(
            child.pid, 'execve("/usr/sbin/worker", ["worker"], 0x7ffd462a2378 /* 12 vars */)', "0"
        )
        yield self._line(child.pid, "brk(NULL)", hex(child.brk))
        for _ in range(3):
            yield from self._thread(child)

    def _thread(self, process: _Process) -> Iterator[bytes]:
        stack = process.place(2049)
        process.areas.append([stack, 2049, 0])
        flags = "MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK"
        yield self._line(process.pid, f"mmap(NULL, 8392704, PROT_NONE, {flags}, -1, 0)", hex(stack))
        call = f"mprotect({stack + PAGE:#x}, 8388608, PROT_READ|PROT_WRITE)"
        yield self._line(process.pid, call, "0")
        tid = self.next_tid
        self.next_tid += 1
        clone = "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS"
        call = f"clone3({{flags={clone}, exit_signal=0, stack={stack:#x}, stack_size=0x7fff80}}, 88)"
        yield self._line(process.pid, call, str(tid))
        process.tids.append(tid)

    def _call(self, process: _Process, tid: int) -> Iterator[bytes]:
        rng = self.random
        choice = rng.random()
        areas = process.areas
        if choice < 0.22 or len(areas) < 20:
            if len(areas) > self.areas:
                yield from self._munmap(process, tid)
            yield from self._mmap(process, tid)
        elif choice < 0.40:
            yield from self._munmap(process, tid)
        elif choice < 0.66:
            start, pages, of_file = rng.choice(areas)
            first = rng.randrange(pages)
            count = rng.randrange(1, pages - first + 1)
            prot = rng.choice(_PROTS[:2] if of_file else _PROTS)
            call = f"mprotect({start + first * PAGE:#x}, {count * PAGE}, {prot})"
            yield from self._emit(process, tid, call, "0")
        elif choice < 0.74:
            start, pages, of_file = rng.choice(areas)
            advice = "MADV_DONTNEED" if of_file else rng.choice(_ADVICE)
            call = f"madvise({start:#x}, {pages * PAGE}, {advice})"
            yield from self._emit(process, tid, call, "0")
        elif choice < 0.77:
            process.brk += rng.choice((1, 33, 33)) * PAGE
            yield from self._emit(process, tid, f"brk({process.brk:#x})", hex(process.brk))
        elif choice < 0.80:
            yield from self._file(process, tid)
        elif choice < 0.802:
            path = rng.choice(_DATA)
            call = f'openat(AT_FDCWD</srv>, "{path}.missing", O_RDONLY)'
            yield self._line(tid, call, "-1 ENOENT (No such file or directory)")
        else:
            yield from self._other(process, tid)

    def _mmap(self, process: _Process, tid: int) -> Iterator[bytes]:
        pages = self.random.choice(_SIZES)
        start = process.place(pages)
        process.areas.append([start, pages, 0])
        flags = "MAP_PRIVATE|MAP_ANONYMOUS"
        call = f"mmap(NULL, {pages * PAGE}, PROT_READ|PROT_WRITE, {flags}, -1, 0)"
        yield from self._emit(process, tid, call, hex(start))

    def _munmap(self, process: _Process, tid: int) -> Iterator[bytes]:
        areas = process.areas
        number = self.random.randrange(len(areas))
        areas[number], areas[-1] = areas[-1], areas[number]
        start, pages, _ = areas.pop()
        process.free.setdefault(pages, []).append(start)
        yield from self._emit(process, tid, f"munmap({start:#x}, {pages * PAGE})", "0")

    def _file(self, process: _Process, tid: int) -> Iterator[bytes]:
        """A file opened, mapped and closed."""
        rng = self.random
        path = rng.choice(_LIBRARIES) if rng.random() < 0.3 else rng.choice(_DATA)
        fd = f"{process.next_fd}<{path}>"
        pages = rng.choice(_SIZES)
        start = process.place(pages)
        process.areas.append([start, pages, 1])
        yield from self._emit(process, tid, f'openat(AT_FDCWD</srv>, "{path}", O_RDONLY|O_CLOEXEC)', fd)
        call = f"mmap(NULL, {pages * PAGE}, PROT_READ, MAP_SHARED, {fd}, {rng.randrange(64) * PAGE:#x})"
        yield from self._emit(process, tid, call, hex(start))
        yield from self._emit(process, tid, f"close({fd})", "0")

    def _other(self, process: _Process, tid: int) -> Iterator[bytes]:
        """Calls that have nothing to do with memory."""
        choice = self.random.random()
        if choice < 0.4:
            call = f"futex({process.brk + 128:#x}, FUTEX_WAKE_PRIVATE, 1)"
            yield self._line(tid, call, "0")
        elif choice < 0.7:
            text = r"\27\3\3\0\34\0\0\0\0\0\0\0\2Q\203\310"
            call = f'read(9<socket:[222068]>, "{text}"..., 8192)'
            yield self._line(tid, call, str(self.random.randrange(1, 8192)))
        elif choice < 0.9:
            yield self._line(tid, "clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=0, tv_nsec=60000}, NULL)", "0")
        else:
            text = "{si_signo=SIGALRM, si_code=SI_TIMER, si_timerid=0, si_overrun=0, si_int=0, si_ptr=NULL}"
            yield f"{self._stamp(tid)}--- SIGALRM {text} ---\n".encode()


def generate(lines: int, seed: int = 1, **options: float) -> bytes:
    """A log of exactly `lines` lines."""
    source = Log(seed, **options).lines()  # type: ignore[arg-type]
    return b"".join(next(source) for _ in range(lines))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", default="-")
    options = parser.parse_args()
    data = generate(options.lines, options.seed)
    if options.output == "-":
        sys.stdout.buffer.write(data)
    else:
        with open(options.output, "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
