"""Births, execve and ends in any order and form: the compiled reader follows them as the plain one does."""

from __future__ import annotations

import random

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.trace.strace.fast import FastStraceReader
from remaptrace.trace.strace.read import StraceReader
from tools.fuzzing.mutate import mutated

THREAD = "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS"
PROCESS = "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD"
SPAWN = "CLONE_VM|CLONE_VFORK|SIGCHLD"
FLAGS = (THREAD, THREAD, PROCESS, PROCESS, SPAWN, "CLONE_FILES|SIGCHLD", "SIGCHLD", "0x11")
PATHS = ("/bin/sh", "/bin/ls", "ls", '/usr/bin/a\\"b', "/srv/with space")


class Processes:
    """Makes lines of processes that are born, execute and end; some of them cannot be."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.living = [100]
        self.under_way: dict[int, tuple[str, str, int]] = {}  # by thread: name, rest, child
        self.unborn: list[int] = []
        self.next = 101
        self.lines: list[str] = []
        self.clock = 1_700_000_000_000_000
        self.stamps = rng.choice(("", "absolute", "day", "relative"))
        self.took = rng.random() < 0.5

    def say(self, tid: int, text: str) -> None:
        self.clock += self.rng.randrange(5, 4000)
        seconds, part = divmod(self.clock, 10**6)
        stamp = {
            "": "",
            "absolute": f"{seconds}.{part:06d} ",
            "day": f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{part:06d} ",
            "relative": f"0.{part % 10**5:06d} ",
        }[self.stamps]
        if self.took and " = " in text and not text.endswith("?"):
            text += " <0.000017>"
        self.lines.append(f"{tid:<5d} {stamp}{text}")

    def fresh(self) -> int:
        if self.rng.random() < 0.15:
            return self.rng.choice((7, 8, 9, 100))  # an id that comes again
        self.next += 1
        return self.next

    def birth(self, tid: int) -> None:
        rng, child = self.rng, self.fresh()
        form = rng.choice(("clone", "clone", "clone3", "fork", "vfork"))
        flags = rng.choice(FLAGS)
        stack = rng.choice(("NULL", "0x7f0012"))
        first, rest = f"{form}(", ")"
        if form == "clone":
            first, rest = f"clone(child_stack={stack}, flags={flags}", ", child_tidptr=0x7f2a10)"
        elif form == "clone3":
            first = f"clone3({{flags={flags}, exit_signal=SIGCHLD, stack_size=0x7000}}"
            rest = f" => {{parent_tid=[{child}]}}, 88)"
        if form == "clone3" and rng.random() < 0.3:
            rest = ", 88)"
        if form == "clone" and rng.random() < 0.2:
            rest = rng.choice((")", f", parent_tid=[{child}], tls=0x7f11)", ", pidfd=[5])", "|CLONE_IO)"))
        if rng.random() < 0.6:
            self.say(tid, f"{first} <unfinished ...>")
            self.under_way[tid] = form, rest, child
            self.unborn.append(child)
        else:
            self.say(tid, f"{first}{rest} = {child}")
            self.living.append(child)

    def resume(self, tid: int) -> None:
        rng = self.rng
        form, rest, child = self.under_way.pop(tid)
        result = str(child)
        if form != "execve" and rng.random() < 0.08:
            result = rng.choice(
                ("-1 EAGAIN (Resource temporarily unavailable)", "0", "? ERESTARTNOINTR (To go on)")
            )
        self.say(tid, f"<... {form} resumed>{rest} = {result}")
        if child in self.unborn:
            self.unborn.remove(child)
            self.living.append(child)

    def execve(self, tid: int) -> None:
        rng = self.rng
        arguments = rng.choice(('["ls", "-l"]', "[]", '["a"..., "b)] = 3"]', '["x", ...]'))
        call = f'execve("{rng.choice(PATHS)}", {arguments}, 0x7ffc6fad0b80 /* {rng.choice(("1 var", "23 vars"))} */'
        result = rng.choice(("0", "0", "0", "-1 ENOENT (No such file or directory)"))
        if rng.random() < 0.3:
            self.say(tid, call + " <unfinished ...>")
            self.under_way[tid] = "execve", ")", 0
        else:
            self.say(tid, f"{call}) = {result}")

    def end(self, tid: int) -> None:
        rng = self.rng
        way = rng.randrange(5)
        code = rng.choice((0, 1, 255))
        if way < 3:
            self.say(tid, f"{rng.choice(('exit_group', 'exit_group', 'exit'))}({code}) = ?")
        if way != 2:
            self.say(
                tid, f"+++ exited with {code} +++" if rng.random() < 0.9 else "+++ killed by SIGKILL +++"
            )
        if tid in self.living and rng.random() < 0.9:
            self.living.remove(tid)

    def other(self, tid: int) -> None:
        rng = self.rng
        fd, path = rng.randrange(3, 9), rng.choice(("/lib/a.so", "/lib/b.so", "/tmp/c"))
        self.say(
            tid,
            rng.choice(
                (
                    f'openat(AT_FDCWD, "{path}", O_RDONLY{rng.choice(("", "|O_CLOEXEC"))}) = {fd}',
                    f"mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, {fd}<{path}>, 0) = 0x7f0000{rng.randrange(256):02x}0000",
                    f"dup2({fd}, {rng.choice((1, 9, 70000))}) = {fd}"
                    if rng.random() < 0.2
                    else f"close({fd}) = 0",
                    "getpid() = 5",
                    "munmap(0x7f0000000000, 4096) = 0",
                    "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5} ---",
                    "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---",
                    "set_robust_list(0x7f20a3f96a20, 24) = 0",
                    "futex(0x7f20, FUTEX_WAKE_PRIVATE, 1 <unfinished ...>",
                )
            ),
        )

    def run(self, count: int) -> bytes:
        rng = self.rng
        while len(self.lines) < count:
            tid = rng.choice(self.living or [100])
            if self.unborn and rng.random() < 0.3:
                tid = rng.choice(self.unborn)
            if tid in self.under_way and rng.random() < 0.9:
                self.resume(tid)
                continue
            act = rng.random()
            if act < 0.25 and len(self.living) < 60:
                self.birth(tid)
            elif act < 0.4:
                self.execve(tid)
            elif act < 0.5:
                self.end(tid)
            else:
                self.other(tid)
        return "\n".join(self.lines).encode() + b"\n"


def assert_followed_alike(data: bytes) -> FastStraceReader:
    plain, fast = StraceReader(data, "log"), FastStraceReader(data, "log")
    plain.read_all()
    fast.read_all()
    assert plain.exits == fast.exits
    assert plain.understood == fast.understood
    one, other = plain.finish(), fast.finish()
    for name, column in one.columns.items():
        assert np.array_equal(column, other.columns[name]), name
    assert np.array_equal(one.tasks, other.tasks)
    for field in ("strings", "skipped", "unmodelled", "ignored", "notes"):
        assert getattr(one, field) == getattr(other, field), field
    assert plain.model.by_pid.keys() == fast.model.by_pid.keys()
    assert plain.model.pidfds == fast.model.pidfds
    return fast


@pytest.mark.parametrize("seed", range(120))
def test_processes_of_any_course_are_followed_alike(seed: int) -> None:
    assert_followed_alike(Processes(random.Random(seed)).run(250))


@pytest.mark.parametrize("seed", range(60))
def test_mangled_lines_of_births_and_ends_are_followed_alike(seed: int) -> None:
    rng = random.Random(seed)
    lines = Processes(rng).run(200).split(b"\n")
    assert_followed_alike(
        b"\n".join(mutated(line, rng, 2) if rng.random() < 0.2 else line for line in lines) + b"\n"
    )


def usual(processes: int) -> bytes:
    """A shell that starts programs one after the other, as strace -f -o shows it."""
    lines = ['9 execve("/bin/sh", ["sh"], 0x7ffc6fad0b80 /* 12 vars */) = 0']
    births = (
        ("vfork(", "vfork resumed>"),
        (f"clone(child_stack=NULL, flags={PROCESS}", "clone resumed>, child_tidptr=0x7f2a10"),
        ("clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}", "clone3 resumed>, 88"),
    )
    for i in range(processes):
        child = 10 + i
        first, second = births[i % 3]
        lines += [
            f"9 {first} <unfinished ...>",
            f'{child} execve("/usr/local/bin/ls", ["ls"], 0x5581 /* 12 vars */) = -1 ENOENT (No such file)',
            f'{child} execve("/bin/ls", ["ls", "-l"...], 0x5581 /* 12 vars */ <unfinished ...>',
            f"9 <... {second}) = {child}",
            f"{child} <... execve resumed>) = 0",
            f"{child} mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000",
            f"{child} exit_group(3) = ?",
            f"{child} +++ exited with 3 +++",
            "9 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=10} ---",
            f"9 wait4(-1, [{{WIFEXITED(s) && WEXITSTATUS(s) == 3}}], 0, NULL) = {child}",
        ]
    return "\n".join(lines).encode() + b"\n"


def test_programs_that_a_shell_starts_need_the_plain_reader_for_no_line_but_the_first() -> None:
    read: list[bytes] = []
    data = usual(9000)

    class Watched(FastStraceReader):
        def read_line(self, line: bytes, number: int) -> None:
            read.append(line)
            super().read_line(line, number)

    reader = Watched(data, "log")
    reader.read_all()
    trace = reader.finish()
    assert len(read) < 60  # first paths and names, and where tables grow
    kinds = np.bincount(trace.columns["kind"].astype(np.int64), minlength=ev.K_EXIT + 1)
    assert kinds[ev.K_FORK] == kinds[ev.K_EXIT] == kinds[ev.K_MARK] == 9000
    assert kinds[ev.K_EXEC] == 9001
    assert len(reader.exits) == 9000
    assert all(one.called and one.status == 3 for one in reader.exits)
    assert_followed_alike(usual(300))


@pytest.mark.parametrize(
    ("stamps", "moments"),
    [
        (
            ("0.000100", "5.000100", "0.000050", "0.000100"),
            (100_000, 5_000_250_000, 5_000_250_000, 5_000_350_000),
        ),
        (
            ("23:59:58.000100", "23:59:59.000100", "00:00:01.000050", "00:00:01.000100"),
            (86_398_000_100_000, 86_401_000_050_000, 86_401_000_050_000, 86_401_000_100_000),
        ),
    ],
)
def test_a_thread_that_speaks_before_its_birth_returns_is_born_at_the_moment_of_its_line(
    stamps: tuple[str, ...], moments: tuple[int, ...]
) -> None:
    calls = ("9 %s brk(NULL) = 0x1000", "9 %s vfork( <unfinished ...>", "10 %s brk(NULL) = 0x1000")
    lines = [
        call % stamp for call, stamp in zip((*calls, "9 %s <... vfork resumed>) = 10"), stamps, strict=True)
    ]
    data = "\n".join(lines).encode() + b"\n"
    plain = StraceReader(data, "log")
    plain.read_all()
    columns = plain.finish().columns
    assert columns["kind"].tolist() == [ev.K_BRK, ev.K_FORK, ev.K_BRK, ev.K_MARK]
    assert columns["time"].tolist() == list(moments)
    assert_followed_alike(data)


@pytest.mark.parametrize("birth", ["clone3({[]})= 8", "clone(flags=SIGCHLD) = 8 fork() = 9", "fork() = 0x8"])
def test_a_call_under_way_of_who_has_the_id_of_a_newborn_is_told_as_left_out(birth: str) -> None:
    calls = (
        "7 brk(NULL) = 0x1000",
        "8 brk(NULL) = 0x1000",
        "8 munmap(0x1000, 4096 <unfinished ...>",
        f"7 {birth}",
    )
    data = "\n".join(calls).encode() + b"\n"
    assert any("munmap at line 3" in note for note in assert_followed_alike(data).model.notes)
