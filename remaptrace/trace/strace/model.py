"""From calls to events: threads and their lives, calls in two parts, descriptors whose path the log names.

strace prints a call when it returns, or in two parts when another thread's line comes between. Events are in
the order of the returns. A thread may speak before the call that made it returns: its fork event then stands
before its first line.
"""

from __future__ import annotations

from collections.abc import Callable

from ...abi import kinds as ev
from ...abi.errnos import EAGAIN, ENOMEM, errno_name
from ...abi.mman import CLONE_FILES, CLONE_THREAD, CLONE_VFORK, CLONE_VM, THREAD_FLAGS
from ...lateclasses import dataclass, field
from ..eventblocks import EventBlocks
from ..filetypes import file_type
from .args import annotation, value
from .knownfiles import KnownFiles
from .lines import Result

MAX_TID = (1 << 31) - 1
_NO_INIT = "a PID namespace whose init has ended (unshare --pid without --fork)"
_SHORT = "memory was short, of the machine or of its cgroup"
_TASKS = (
    "RLIMIT_NPROC (ulimit -u)",
    "pids.max of the cgroup",
    "kernel.threads-max or kernel.pid_max",
)
_NO_BIRTH = {
    (ENOMEM, False): (
        "the commit limit (vm.overcommit_memory): a child is charged for the private writable memory of its parent",
        _NO_INIT,
        _SHORT,
    ),
    (ENOMEM, True): (_SHORT, _NO_INIT),
    (EAGAIN, False): _TASKS,
    (EAGAIN, True): _TASKS,
}
"""By errno, and whether memory is shared: kernel/fork.c copy_process and dup_mmap, kernel/pid.c alloc_pid."""

FORKS = frozenset((b"clone", b"clone3", b"fork", b"vfork"))
UNBORN = (
    "a thread's birth is not in the log: it is taken for a process of its own (--one-process or --threads-of PID"
    " say otherwise)"
)
_LABEL = "/memfd:"
"""What memfd_create is given is no name: any number of files may have it."""
_NO_RETURN = frozenset((b"exit", b"exit_group"))


@dataclass
class Pending:
    """The first part of a call in two parts; `child` is the task that spoke before the call returned."""

    name: bytes
    text: bytes
    line: int
    child: Task | None = None


@dataclass
class Task:
    """One life of a thread. `files` is a row of KnownFiles."""

    row: int
    tid: int
    pid: int
    files: int
    alive: bool = True
    pending: Pending | None = None


@dataclass
class Call:
    """One complete call of a task."""

    task: Task
    name: bytes
    args: list[bytes]
    result: Result
    line: int
    time: int

    @property
    def succeeded(self) -> bool:
        """True if the call was run and returned no error."""
        value = self.result.value
        return value is not None and not -4095 <= value < 0 and not self.result.injected


@dataclass
class Model:
    """The tasks, their descriptors and the events so far."""

    out: EventBlocks = field(default_factory=EventBlocks)
    files: KnownFiles = field(default_factory=KnownFiles)
    strings: list[str] = field(default_factory=lambda: [""])
    tasks: list[Task] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    by_tid: dict[int, Task] = field(default_factory=dict)
    by_pid: dict[int, list[Task]] = field(default_factory=dict)  # the living
    changed: list[Task] = field(default_factory=list)  # born, buried, renamed, with other descriptors
    forking: dict[int, Task] = field(
        default_factory=dict
    )  # by row: forks under way, in the order of their lines
    pidfds: dict[tuple[int, int], int] = field(default_factory=dict)  # (descriptor table, fd): pid
    unmodelled: dict[str, int] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    births_refused: dict[tuple[bytes, int, bool], list[int]] = field(default_factory=dict)
    fork_return: Callable[[int], int | None] = lambda _tid: None
    """Finds, further on in the log, the thread whose fork returns the given thread id."""
    groups: dict[int, int] = field(default_factory=dict)
    """Process of each thread whose birth is not shown, where other lines prove it."""
    one_process: int | None = None
    """Every thread whose birth is not shown belongs to this process; 0: to the first one, whatever its id."""
    left_out_protections: set[str] = field(default_factory=set)
    """Those of `symbols.LEFT_OUT` that calls named."""
    left_out: list[tuple[int, str]] = field(default_factory=list)
    """Line and name of calls that began and whose return the log does not show."""
    in_pages: Callable[[], bool] = lambda: False
    """Whether mmap2 shows its offset in pages in this log."""

    def __post_init__(self) -> None:
        self._string_numbers: dict[str, int] = {"": 0}

    def string(self, text: str) -> int:
        """The number of `text` in the table of strings."""
        number = self._string_numbers.get(text)
        if number is None:
            number = self._string_numbers[text] = len(self.strings)
            self.strings.append(text)
        return number

    def number_of(self, text: str) -> int:
        """The number of `text` if it is in the table of strings, else 0."""
        return self._string_numbers.get(text, 0)

    def note(self, text: str) -> None:
        """Remember what had to be assumed, once."""
        if text not in self.notes:
            self.notes.append(text)

    # -- tasks

    def new_task(self, tid: int, pid: int, parent: int, files: int) -> Task:
        """Begin a life; `tid` names it from here on."""
        task = Task(len(self.tasks), tid, pid, files)
        self.tasks.append(task)
        self.parents.append(parent)
        self.by_tid[tid] = task
        self.by_pid.setdefault(pid, []).append(task)
        self.changed.append(task)
        return task

    def rename(self, task: Task, tid: int) -> None:
        """The thread id of `task`, the first of its process, becomes known."""
        del self.by_tid[task.tid]
        group = self.by_pid.pop(task.pid, [])
        for other in group:
            other.pid = tid
        self.by_pid.setdefault(tid, []).extend(group)
        task.tid = task.pid = tid
        self.by_tid[tid] = task
        self.changed += group

    def pend(self, task: Task, pending: Pending | None, *, returned: bool = False) -> None:
        """The call that `task` has under way is `pending`, or none; that before did not return, or has `returned`."""
        before = task.pending
        if before is not None and not returned and before.child is None and before.name not in _NO_RETURN:
            self.left_out.append((before.line, before.name.decode("utf-8", "replace")))
        task.pending = pending
        self.forking.pop(task.row, None)
        if pending is not None and pending.name in FORKS:
            self.forking[task.row] = task

    def task_of(self, tid: int, line: int, time: int) -> Task:
        """The task that a line of thread `tid` belongs to; if it is new, its birth is worked out here."""
        task = self.by_tid.get(tid)
        if task is not None and task.alive:
            return task
        parent = self._parent_of(tid)
        if parent is None:
            return self._unborn(tid, line, time)
        assert parent.pending is not None
        child = self.born(parent, tid, self._fork_flags(parent.pending), line, time)
        parent.pending.child = child
        return child

    def _unborn(self, tid: int, line: int, time: int) -> Task:
        """A thread whose birth the log does not show: of a process that `groups` names, else one of its own."""
        pid = self.groups.get(tid, tid) if self.one_process is None else self.one_process or tid
        if self.one_process == 0:  # one process, whatever its id: the first thread names it
            pid = self.tasks[0].pid if self.tasks else tid
        living = self.by_pid.get(pid)
        if living:
            return self.born(living[0], tid, THREAD_FLAGS, line, time, made=True)
        if tid != pid:
            leader = self.new_task(pid, pid, -1, self.files.new())
            return self.born(leader, tid, THREAD_FLAGS, line, time, made=True)
        if self.tasks:
            self.note(UNBORN)
        return self.new_task(tid, pid, -1, self.files.new())

    def _parent_of(self, tid: int) -> Task | None:
        """The task whose unfinished fork made `tid`, if there is one."""
        waiting = [
            task for task in self.forking.values() if task.pending is not None and task.pending.child is None
        ]
        if len(waiting) > 1:
            found = self.fork_return(tid)
            for task in waiting:
                if task.tid == found:
                    return task
            self.note("two forks were under way at once and the log does not say whose child came first")
        return waiting[0] if waiting else None

    def _fork_flags(self, pending: Pending) -> int:
        return self.fork_flags(pending.name, pending.text)

    def fork_flags(self, name: bytes, text: bytes) -> int:
        """The CLONE_* flags of a fork from its text, arguments and all."""
        if name == b"vfork":
            return CLONE_VM | CLONE_VFORK
        if name == b"fork":
            return 0
        at = text.find(b"flags=")
        if at >= 0:
            token = text[at + 6 :]
            for end in (b", ", b"}", b")", b" =>"):
                token = token.partition(end)[0]
            return value(token.strip()) & ~0xFF
        first = text.partition(b"(")[2].partition(b",")[0].strip()
        if name == b"clone" and first:
            return value(first) & ~0xFF
        self.note("the flags of a clone3 call are not shown: it is taken for the start of a thread")
        return THREAD_FLAGS

    def born(self, parent: Task, tid: int, flags: int, line: int, time: int, *, made: bool = False) -> Task:
        """A new task, and its fork event."""
        old = self.by_tid.get(tid)
        if old is not None and old.alive:
            self.end(old, 0, group=False, line=line, time=time, made=True)
        files = self.files.share(parent.files) if flags & CLONE_FILES else self.files.copy(parent.files)
        child = self.new_task(tid, parent.pid if flags & CLONE_THREAD else tid, parent.row, files)
        made_up = ev.EVF_MADE if made else 0
        self.out.add(ev.K_FORK, parent.row, (child.row, flags), tid, made_up, line=line, time=time)
        return child

    def forked(self, call: Call, tid: int) -> None:
        """A fork returned `tid` to its caller."""
        pending = call.task.pending
        child = pending.child if pending is not None else None
        if child is not None and child.tid == tid:
            mark = self.string(call.name.decode())  # counters recorded at the return belong here
            self.out.add(ev.K_MARK, call.task.row, (mark,), tid, line=call.line, time=call.time)
            return
        if child is not None:
            self.note("two forks were under way at once and the log does not say whose child came first")
        text = call.name + b"(" + b", ".join(call.args) + b")"
        self.born(call.task, tid, self.fork_flags(call.name, text), call.line, call.time)

    def end(self, task: Task, code: int, *, group: bool, line: int, time: int, made: bool = False) -> None:
        """A thread ends, or with `group` its whole process; later words of the dead are ignored."""
        if not task.alive:
            return
        flags = ev.EVF_MADE if made else 0
        self.out.add(ev.K_EXIT, task.row, (code, int(group)), flags=flags, line=line, time=time)
        for other in list(self.by_pid.get(task.pid, ())) if group else [task]:
            self.bury(other)

    def bury(self, task: Task) -> None:
        """Forget what a thread had open and under way."""
        if task.alive:
            self.pend(task, None)
            self.files.drop(task.files)
            self.forget(task)

    def forget(self, task: Task) -> None:
        """A living thread without a call under way, whose descriptors are dropped, is no more."""
        task.alive = False
        self.changed.append(task)
        living = self.by_pid[task.pid]
        living.remove(task)
        if not living:
            del self.by_pid[task.pid]

    def executed(self, call: Call, path: str) -> None:
        """An execve succeeded: other threads are gone, descriptors marked so are closed."""
        task = call.task
        self.out.add(
            ev.K_EXEC, task.row, (self.string(path), 0), call.result.value, line=call.line, time=call.time
        )
        for other in list(self.by_pid.get(task.pid, ())):
            if other is not task:
                self.bury(other)
        if self.files.users[task.files] > 1:
            self.files.drop(task.files)
            task.files = self.files.copy(task.files)
            self.changed.append(task)
        self.files.execute(task.files)

    def superseded(self, tid: int, by: int, line: int, time: int) -> None:
        """Thread `by` of the process led by `tid` called execve: it goes on under the leader's id."""
        leader = self.task_of(tid, line, time)
        thread = self.by_tid.get(by)
        moved = thread.pending if thread is not None else None
        if thread is not None and thread is not leader:
            self.pend(thread, None, returned=True)
            self.bury(thread)
        self.pend(leader, moved, returned=leader is thread)

    def note_left_out(self) -> None:
        """The end of the log: say which calls began and did not return in it."""
        for task in self.tasks:
            if task.alive:
                self.pend(task, None)
        if self.left_out:
            first = ", ".join(f"{name} at line {line}" for line, name in sorted(self.left_out)[:3])
            count, more = len(self.left_out), ", ..." if len(self.left_out) > 3 else ""
            self.note(
                f"{count} call{'s' * (count != 1)} began and did not return in the log ({first}{more}): left out"
            )
        for (name, errno, thread), lines in self.births_refused.items():
            also = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
            self.note(
                f"{name.decode()} refused with {errno_name(errno)} at line {lines[0]:,}{also}: not simulated. Possible,"
                f" the likeliest first: {'; '.join(_NO_BIRTH[errno, thread])}"
            )

    # -- events

    def add(self, call: Call, kind: int, args: tuple[int, ...], ret: int | None) -> None:
        """An event of `call`."""
        flags = ev.EVF_INJECTED if call.result.injected else 0
        if ret is None:
            flags |= ev.EVF_UNFINISHED
        self.out.add(kind, call.task.row, args, ret, flags, call.line, call.time)

    def count(self, table: dict[str, int], name: str) -> None:
        """One more call of this name."""
        table[name] = table.get(name, 0) + 1

    # -- descriptors

    def opened(self, call: Call, fd: int, path: str, flags: int, *, shown: bool) -> None:
        """`fd` was opened. `shown`: the path is the kernel's own answer, not the caller's words."""
        number = self.string(path)
        self.files.put(call.task.files, fd, number, cloexec=bool(flags & 0o2000000))
        self.add(call, ev.K_OPEN, (number, flags, file_type(path, shown=shown)), fd)

    def descriptor(self, call: Call, token: bytes) -> int:
        """The descriptor number in `token`; if the log names a path we did not know, an event says so."""
        fd = value(token)
        fd = fd & 0xFFFF_FFFF
        fd = fd - (1 << 32) if fd >= 0x8000_0000 else fd
        if b"<" in token and fd >= 0:
            self.known(call, fd, annotation(token))
        return fd

    def task_behind(self, call: Call, pidfd: int) -> Task | None:
        """The living task that a pidfd means; the caller itself if the log does not show what it means."""
        pid = self.pidfds.get((call.task.files, pidfd))
        if pid is None:
            path = self.strings[self.files.path(call.task.files, pidfd)] if pidfd >= 0 else ""
            if not path.startswith("pid:") or not path[4:].isdecimal():  # -yy
                return call.task
            pid = int(path[4:])
        task = self.by_tid.get(pid)
        return task if task is not None and task.alive else None

    def known(self, call: Call, fd: int, path: str | None) -> None:
        """The log names the path behind `fd`."""
        if path is None:
            return
        if path.startswith(_LABEL):
            if self.strings[self.files.path(call.task.files, fd)].partition("#")[0] == path:
                return
            path = f"{path}#{call.line}"  # one that came from elsewhere: many bear the same label
        number = self.string(path)
        if self.files.path(call.task.files, fd) != number:
            self.files.put(call.task.files, fd, number, cloexec=False)
            kind = file_type(path, shown=True)
            self.out.add(ev.K_KNOWN_FD, call.task.row, (fd, number, kind, 3), None, 0, call.line, call.time)


def directory_of(model: Model, call: Call, token: bytes) -> str:
    """The directory that a dirfd argument names, with a slash behind; empty if it is unknown."""
    path = annotation(token)
    if path is None:
        fd = value(token)
        path = model.strings[model.files.path(call.task.files, fd)] if fd >= 0 else ""
    return path.rstrip("/") + "/" if path else ""
