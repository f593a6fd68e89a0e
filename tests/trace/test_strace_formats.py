"""One program recorded under many options gives the same events, up to addresses and thread ids."""

import gzip
from pathlib import Path

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import ARGUMENTS, KIND_NAMES
from remaptrace.trace.events import Trace
from remaptrace.trace.strace.door import read_strace
from remaptrace.trace.strace.family import read_strace_files
from remaptrace.trace.strace.read import looks_like_strace

FORMATS = Path(__file__).parent / "data" / "strace"

SIBLINGS = """
f-C f-T-ns f-T f-Xraw f-Xverbose f-Y f-YY-yy-tt-T-n-i f-a1 f-a60 f-decode-fds f-decode-pids f-delay-inject
f-fault-inject f-i f-n f-q f-qqq f-r f-raw-mmap f-rel-ns f-retval-inject f-seccomp-bpf f-signal-none f-stderr
f-t f-ts-unix-ns f-tt-T f-tt f-ttt f-xx f-y f-yy f-z ff-merged
""".split()

ADDRESSES = {"addr", "new_addr"}
THREAD = 0x10000


def read(name: str) -> Trace:
    return read_strace(gzip.decompress((FORMATS / f"{name}.txt.gz").read_bytes()), name=name)


def program(trace: Trace, without: tuple[int, ...] = ()) -> dict[tuple[int, ...], list[tuple[object, ...]]]:
    """The events of each process by its place in the family tree, threads' ones (which race) unordered.

    Left out are marks, addresses, results but for errors, whether an exit was one of the group (-z hides the call),
    and for threads how much of an arena's reservation glibc takes and gives back: that depends on where the
    kernel placed it.
    """
    place: dict[int, tuple[int, ...]] = {0: (0,)}
    children: dict[int, int] = {}
    threads: set[int] = set()
    found: dict[tuple[int, ...], list[tuple[object, ...]]] = {}
    rows = {name: column.tolist() for name, column in trace.columns.items()}
    for number, (kind, task) in enumerate(zip(rows["kind"], rows["task"], strict=True)):
        arguments = []
        for index, name in enumerate(ARGUMENTS[kind]):
            value = rows[f"a{index}"][number]
            if name in ("path", "name"):
                arguments.append(trace.strings[value])
            elif name in ADDRESSES or name in ("child", "group"):
                continue
            elif name != "length" or not (task in threads and kind == ev.K_MMAP):
                arguments.append(value)
        if kind == ev.K_FORK:
            child = rows["a0"][number]
            nth = children[task] = children.get(task, 0) + 1
            place[child] = (*place[task], nth)
            if rows["a1"][number] & THREAD:
                threads.add(child)
        if kind in (*without, ev.K_MARK) or (task in threads and kind == ev.K_MUNMAP):
            continue
        failed = rows["ret"][number] if -4095 <= rows["ret"][number] < 0 else 0
        key = (*place[task][:2], 0) if task in threads else place[task]
        found.setdefault(key, []).append((KIND_NAMES[kind], *arguments, failed))
    return {key: sorted(found[key], key=repr) if key[-1] == 0 else found[key] for key in found}


def same_files(events: dict[tuple[int, ...], list[tuple[object, ...]]]) -> object:
    """Paths as the caller wrote them or as the kernel names them: here by their last part."""
    return {
        key: [
            tuple(part.rsplit("/", 1)[-1] if isinstance(part, str) else part for part in one) for one in rows
        ]
        for key, rows in events.items()
    }


@pytest.mark.parametrize("name", SIBLINGS)
def test_an_option_changes_no_event(name: str) -> None:
    # injected errors and results are part of the program's course, not of its text
    assert same_files(program(read(name))) == same_files(program(read("f")))


@pytest.mark.parametrize("name", ["f", *SIBLINGS])
def test_every_line_is_understood_and_recognised(name: str) -> None:
    data = gzip.decompress((FORMATS / f"{name}.txt.gz").read_bytes())
    trace = read_strace(data, name=name)
    assert trace.skipped == []
    assert trace.unmodelled == {}
    assert len(trace.tasks) == 7
    assert looks_like_strace(data[:4096])


def test_tracing_all_calls_adds_only_what_was_not_traced_before() -> None:
    extra = (ev.K_DUP, ev.K_CLOSE, ev.K_OPEN)
    assert program(read("f-all"), extra) == program(read("f"), extra)
    assert read("f-all").skipped == []


def test_memory_calls_alone_are_those_of_the_whole_program() -> None:
    whole = program(read("f-no-abbrev"), (ev.K_OPEN, ev.K_CLOSE))
    assert program(read("f-v"), (ev.K_OPEN, ev.K_CLOSE)) == whole


def test_without_following_children_the_shell_alone_is_seen() -> None:
    assert program(read("plain"))[(0,)] == program(read("f"))[(0,)]


def test_detached_children_leave_the_parent_whole() -> None:
    assert program(read("f-detach-on-execve"))[(0,)] == program(read("f"))[(0,)]


@pytest.mark.parametrize("stamped", [True, False])
def test_files_of_one_thread_each_join_to_the_whole(stamped: bool) -> None:
    files = []
    for path in sorted(FORMATS.glob("ff.*.gz")):
        data = gzip.decompress(path.read_bytes())
        if not stamped:
            data = b"".join(line.split(b" ", 1)[1] + b"\n" for line in data.splitlines())
        files.append((str(path), data))
    trace = read_strace_files(files)
    assert trace.skipped == []
    assert same_files(program(trace)) == same_files(program(read("f")))
    assert trace.sources == [name for name, _ in files]
    assert (len(trace.notes) == 0) == stamped


def test_lines_of_failed_calls_only_give_no_memory_events() -> None:
    kinds = set(read("f-Z").columns["kind"].tolist()) | set(read("f-status-failed").columns["kind"].tolist())
    assert kinds == {ev.K_EXIT}


def test_a_summary_table_alone_has_no_events_and_no_bad_lines() -> None:
    trace = read("f-c")
    assert len(trace) == 0
    assert trace.skipped == []


def test_stack_lines_are_left_out() -> None:
    trace = read("f-instr-k")
    assert trace.skipped == []
    assert (trace.columns["kind"] == ev.K_MUNMAP).sum() == 8


def test_a_program_of_oddities_is_read_to_the_end() -> None:
    trace = read("odd")
    assert trace.skipped == []
    assert trace.unmodelled == {}
    kinds = trace.columns["kind"]
    execs = [
        (int(trace.tasks["tid"][t]), int(r))
        for t, r in zip(
            trace.columns["task"][kinds == ev.K_EXEC], trace.columns["ret"][kinds == ev.K_EXEC], strict=True
        )
    ]
    assert execs == [(14589, 0), (14590, 0)]
    assert '/demo/work/q"uote\né.bin' in trace.strings


def test_an_attached_process_is_a_process_of_its_own() -> None:
    trace = read("attach-p")
    assert trace.tasks["tid"].tolist() == [15961]
    assert [KIND_NAMES[k] for k in trace.columns["kind"].tolist()] == [
        "mmap",
        "mmap",
        "munmap",
        "mmap",
        "munmap",
        "munmap",
        "munmap",
        "munmap",
        "exit",
    ]


def test_an_errno_whose_name_begins_with_a_number_is_read() -> None:
    log = b'7 execve("/bin/a", ["a"], 0x7ffd0 /* 9 vars */) = -1 E2BIG (Argument list too long)\n7 brk(NULL) = 0x5000\n'
    trace = read_strace(log, name="log")
    assert not trace.skipped
    assert trace.columns["ret"].tolist() == [0x5000]  # an exec that failed changes nothing


@pytest.mark.parametrize("name", ["syscall_07", "SYS_09", "syscall_0x", "SYS_99999999999999999999"])
def test_a_number_that_no_tracer_prints_is_an_unknown_call(name: str) -> None:
    trace = read_strace(f"7 {name}(0x1000, 4096) = 0\n7 munmap(0x1000, 4096) = 0\n".encode(), name="log")
    assert len(trace) == 1
    assert trace.unmodelled == {f"{name} (an unknown call)": 1} or len(trace.skipped) == 1


def test_what_strace_says_of_a_mode_in_the_middle_of_a_line_does_not_break_it() -> None:
    trace = read_strace(
        b'execve("/x", ["x"], 0x7ff0148530 /* 23 vars */strace: [ Process PID=9373 runs in 32 bit mode. ]\n'
        b"strace: WARNING: Proper structure decoding for this personality is not supported, please consider\n"
        b") = 0\nmunmap(0xf09eb000, 4096) = 0\n",
        name="log",
    )
    assert [KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()] == ["execve", "munmap"]
    assert not trace.skipped
