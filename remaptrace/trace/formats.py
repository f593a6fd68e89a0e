"""The formats of input, a row each: its name, how it is recognised, who reads it.

A new format is a module with the two functions and a row here. The first row that recognises an input reads it, so the
order matters: what is certain stands before what is likely. Modules are imported when their row is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from ..lateclasses import dataclass
from ..patterns import MULTILINE, pattern
from .events import Trace
from .stored.magic import MAGICS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..machinecode.ready import Progress

HEAD = 1 << 16
"""Bytes at the beginning of an input that decide what it is."""

Looks = Callable[[bytes], bool]
Read = Callable[[bytes, str, str, "Progress | None"], Trace]  # data, name, path, progress


@dataclass(frozen=True)
class Format:
    """One format. `pasted`: a text that people paste, so what mails and pages do to it is undone first."""

    name: str
    looks: Looks  # takes the first HEAD bytes
    read: Read
    pasted: bool = False
    binary: bool = False  # may hold NUL bytes
    whole: bool = False  # what decides may stand anywhere in it, not only at its beginning


def _columns_look(head: bytes) -> bool:
    return head.startswith(MAGICS)


def _columns(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .stored.columnfile import read_columns

    return read_columns(data, path=path)


def _maps_look(head: bytes) -> bool:
    from .dumps.door import form_of

    return form_of(head) is not None


def _maps_inside(data: bytes) -> bool:
    from .dumps.door import form_inside

    return form_inside(data) is not None


def _maps(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .dumps.door import read_dump
    from .dumps.dump import trace_of

    return trace_of(read_dump(data, path), name)


def _jsonl_looks(head: bytes) -> bool:
    return head.lstrip()[:1] == b"{" and b'"kind"' in head.split(b"\n", 3)[0][:4000]


def _jsonl(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .stored.jsonlread import read_jsonl

    return read_jsonl(data, name=name, path=path)


def _scenario_looks(head: bytes) -> bool:
    from .scenario.look import looks_like_scenario

    return looks_like_scenario(head.decode("utf-8", "replace"))


def _scenario(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .scenario.read import read_scenario

    return read_scenario(data, name=name, path=path)


def _syzkaller_looks(head: bytes) -> bool:
    from .foreign.syzkaller import looks_like_syzkaller

    return looks_like_syzkaller(head)


def _syzkaller(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .foreign.syzkaller import read_syzkaller

    return read_syzkaller(data, name=name, path=path)


def _gvisor_looks(head: bytes) -> bool:
    if b"strace.go:" not in head and b"] X " not in head:
        return False
    from .foreign.gvisor import looks_like_gvisor

    return looks_like_gvisor(head)


def _gvisor(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .foreign.gvisor import read_gvisor

    return read_gvisor(data, name=path, progress=progress)


def _valgrind_looks(head: bytes) -> bool:
    if b"SYSCALL[" not in head:
        return False
    from .foreign.valgrind import looks_like_valgrind

    return looks_like_valgrind(head)


def _valgrind(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .foreign.valgrind import read_valgrind

    return read_valgrind(data, name=path, progress=progress)


def _ltrace_looks(head: bytes) -> bool:
    if b"SYS_" not in head and b"@SYS(" not in head:
        return False
    from .foreign.ltrace import looks_like_ltrace

    return looks_like_ltrace(head)


def _ltrace(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .foreign.ltrace import read_ltrace

    return read_ltrace(data, name=path, progress=progress)


def _qemu_looks(head: bytes) -> bool:
    from .foreign.qemu import looks_like_qemu

    return looks_like_qemu(head)


def _qemu(data: bytes, name: str, path: str, progress: Progress | None) -> Trace:
    from .foreign.qemu import read_qemu

    return read_qemu(data, name=path, progress=progress)


def _ftrace_looks(head: bytes) -> bool:
    from .tracepoints.look import looks_like_ftrace

    return looks_like_ftrace(head) and not _only_functions(head)


_EVENT = pattern(
    rb"[: ](?:sys_\w+(?:\(| -> )|sys_(?:enter|exit)|page_fault_user: |sched_process_|task_newtask: )"
    rb"|^# tracer: nop|LOST .*EVENTS|^\d+ \d+ \d+ type: ",
    MULTILINE,
)


def _only_functions(head: bytes) -> bool:
    """Whether a text of tracefs is that of a function tracer, without an event among its lines."""
    from .foreign.told import told

    return _EVENT.search(head) is None and told(head) is not None


def _ftrace(
    data: bytes, name: str, path: str, progress: Progress | None, threads_of: int | None = None
) -> Trace:
    from .tracepoints.ftrace import read_ftrace

    _say_compiling("ftrace", len(data), progress)
    return read_ftrace(data, name=path, threads_of=threads_of)


def _perf_looks(head: bytes) -> bool:
    from .tracepoints.look import looks_like_perf

    return looks_like_perf(head)


def _perf(
    data: bytes, name: str, path: str, progress: Progress | None, threads_of: int | None = None
) -> Trace:
    from .tracepoints.perf import read_perf

    _say_compiling("perf", len(data), progress)
    return read_perf(data, name=path, threads_of=threads_of)


def _strace_looks(head: bytes) -> bool:
    from .strace.read import looks_like_strace

    if not looks_like_strace(head):
        return False
    from .foreign.told import told

    return told(head) is None


def strace_text(
    data: bytes | memoryview, path: str, progress: Progress | None, threads_of: int | None = None
) -> Trace:
    """The trace of a strace log, which may be a view of a file where it lies; `threads_of` as in `read_strace`."""
    from .strace.door import read_strace

    _say_compiling("strace", len(data), progress)
    return read_strace(data, name=path, progress=progress, threads_of=threads_of)


def _strace(
    data: bytes, name: str, path: str, progress: Progress | None, threads_of: int | None = None
) -> Trace:
    return strace_text(data, path, progress, threads_of)


def log_text(
    format: str, data: bytes, path: str, progress: Progress | None, threads_of: int | None
) -> Trace | None:
    """The trace of a log whose threads may be without births, told whose they are; None for another format."""
    reader = {"strace": _strace, "ftrace": _ftrace, "perf": _perf}.get(format)
    return reader(data, "", path, progress, threads_of) if reader is not None else None


def _say_compiling(reader: str, size: int, progress: Progress | None) -> None:
    if progress is not None:
        from ..machinecode.ready import will_compile

        if will_compile(reader, size):
            progress("compile reader", 0, 1)


FORMATS = (
    Format("columns", _columns_look, _columns, binary=True),
    Format("maps", _maps_look, _maps, binary=True, whole=True),
    Format("jsonl", _jsonl_looks, _jsonl),
    Format("scenario", _scenario_looks, _scenario),
    Format("gvisor", _gvisor_looks, _gvisor),
    Format("valgrind", _valgrind_looks, _valgrind),
    Format("ltrace", _ltrace_looks, _ltrace, pasted=True),
    Format("ftrace", _ftrace_looks, _ftrace, pasted=True),
    Format("perf", _perf_looks, _perf, pasted=True),
    Format("syzkaller", _syzkaller_looks, _syzkaller),
    Format("qemu", _qemu_looks, _qemu),
    Format("strace", _strace_looks, _strace, pasted=True),
    Format("maps", _maps_inside, _maps, binary=True, whole=True),
)
"""All formats, in the order in which they are tried."""

BY_NAME = {format.name: format for format in FORMATS}


def recognise(data: bytes) -> str | None:
    """The name of the format of what begins with `data`; None if it is none that is read."""
    head = bytes(data[:HEAD])
    if head.startswith(b"name:") and b"\nsteps:\n" in head and b"\0" not in head:
        return "scenario"  # as programs are written: no other format begins so, and none has to be asked
    text = b"\0" not in head
    return next((f.name for f in FORMATS if (f.binary or text) and f.looks(data if f.whole else head)), None)
