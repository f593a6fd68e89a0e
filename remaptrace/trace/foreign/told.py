"""Inputs that are recognised and not read: what they are, and what to run instead."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...lateclasses import dataclass


@dataclass(frozen=True)
class Told:
    """A kind of input: how it is recognised, what it is called, what to do."""

    what: str
    instead: str
    magic: tuple[bytes, ...] = ()
    line: re.Pattern[bytes] | None = None
    most: re.Pattern[bytes] | None = None  # of more than half of the lines


_TABLE = (
    Told("a binary perf.data file", "write it out with `perf script`", (b"PERFILE", b"2ELIFREP")),
    Told("a binary trace.dat file", "write it out with `trace-cmd report`", (b"\x17\x08\x44tracing",)),
    Told(
        "a CTF trace of LTTng",
        "a CTF trace has no memory calls that are read: record with ftrace or strace",
        (b"\xc1\x1f\xfc\xc1", b"\xc1\xfc\x1f\xc1"),
    ),
    Told(
        "a capture of sysdig",
        "sysdig's flags are its own: record with `strace -f -y` or ftrace",
        (b"\x0a\x0d\x0d\x0a",),
    ),
    Told(
        "the function_graph or function tracer's text: this tracer has no calls",
        "record the events syscalls/* and exceptions/page_fault_user (traces/README.md)",
        line=re.compile(
            rb"# tracer: (?:function|function_graph|irqsoff|wakeup\w*|preempt\w*|hwlat|osnoise|timerlat)\s*$"
            rb"| *(?:\d+\) +)?(?:[!+#*@$] )?(?:\d+\.\d+ us)? *\| +(?:\w[\w.]*\(\)(?: \{|;)|\})"
        ),
    ),
    Told(
        "text of sysdig",
        "sysdig's flags are its own: record with `strace -f -y` or ftrace",
        line=re.compile(rb"\d+ \d\d:\d\d:\d\d\.\d{9} \d+ \S.* \(\d+(?:\.\d+)?\) [<>] \w+"),
    ),
    Told(
        "text of LTTng (babeltrace)",
        "record with ftrace or perf: events syscalls and exceptions:page_fault_user",
        line=re.compile(rb"\[\d\d:\d\d:\d\d\.\d{9}\] \([+?][\d.?]+\) .*: \{ cpu_id = \d+ \}"),
    ),
    Told(
        "text of FreeBSD's truss or ktrace",
        "calls of FreeBSD are not Linux's: their flags and answers differ",
        line=re.compile(
            rb"(?: *\d+: )?(?:[\d.]+ )*\w+\(.*\)\s+(?:= -?(?:0x[0-9a-f]+|\d+) \(0x[0-9a-f]+\)|ERR#\d+ )"
            rb"| *\d+ \S+ +(?:CALL|RET|NAMI) +\w"
        ),
    ),
    LIBRARIES := Told(
        "text of ltrace without -S: calls of libraries, no system calls",
        "record with `ltrace -S`, or with strace",
        line=re.compile(rb"(?:\[pid +\d+\] |\d+ )?__libc_start_main\("),
    ),
    Told(
        "text of dtruss or dtrace",
        "calls of macOS are not Linux's: their flags and answers differ",
        line=re.compile(rb"SYSCALL\(args\)\s+= return|\s*(?:\d+/0x[0-9a-f]+:\s+)\w+\("),
        most=re.compile(rb"\w+\(.*\)\s+= (?:-?\d+|0x[0-9A-F]+) (?:-?\d+|Err#\d+)\s*\Z"),
    ),
    Told(
        "what PRoot says of its own work",
        "record the program in it with `strace -f -y`",
        line=re.compile(rb"proot info: pid \d+: sys(?:enter|exit) (?:start|end): "),
    ),
    Told(
        "the tail of a trace of rr",
        "rr keeps registers, not calls: record the program with `strace -f -y` or ftrace",
        line=re.compile(rb"\s*real_time:[\d.]+ global_time:\d+, event:"),
    ),
    Told(
        "trace events of qemu itself",
        "record the guest's calls with `qemu-ARCH -strace`",
        line=re.compile(rb"\s*\d+@\d+\.\d+:target_\w+ "),
    ),
    Told(
        "the text of a tool of bcc",
        "it shows what its own probes print: record with ftrace, perf or `strace -f -y`",
        line=re.compile(rb"TIME +(?:UID +)?PID +(?:TID +)?COMM +"),
    ),
    Told(
        "what a script of bpftrace prints, which has no common form",
        "print JSON Lines (docs/jsonl-format.md), or record with ftrace or perf",
        line=re.compile(rb"Attaching \d+ probes?\.\.\."),
    ),
    Told(
        "the summary of `strace -c`: counts, no calls",
        "record without -c, or with -C, which prints both",
        line=re.compile(rb"% time +seconds +usecs/call +calls +errors +syscall"),
    ),
)


_OF_LIBRARIES = re.compile(
    rb"(?:\[pid +\d+\] |\d+ )?(?:[\d:.]+ )?(?:[\w.]+->)?(?:malloc|free|calloc|realloc|strn?(?:len|cmp|cpy|chr)"
    rb"|mem(?:cpy|set|cmp)|f?printf|puts|setlocale|getenv|strdup|__\w+_location|__ctype_\w+)\("
)
_ON_MEMORY = re.compile(
    rb"\b(?:mmap2?|munmap|mprotect|madvise|brk|execve|futex|rt_sig\w+|openat|clone3?|exit_group|set_\w+)"
    rb"(?:\(| resumed>)"
)


_QUOTE = re.compile(rb"(?:[ \t]{0,3}[>|])+ ?")


def told(head: bytes) -> Told | None:
    """What `head`, the first bytes of an input that no reader knows, seems to be."""
    lines = lines_of(head)
    found = first_of(_TABLE, head, lines)
    if found is not None:
        return found
    if sum(_OF_LIBRARIES.match(line) is not None for line in lines) > 1 and not any(
        map(_ON_MEMORY.search, lines)
    ):
        return LIBRARIES
    if head.startswith(b"\x7fELF"):
        return Told("an ELF file", "record its run, or give /proc/PID/maps of it with --maps")
    return None


def lines_of(head: bytes) -> list[bytes]:
    """The first lines of an input, those that are quoted also without the quoting."""
    lines = [line.rstrip(b"\r") for line in head[:65536].split(b"\n")[:60]]
    lines += [_QUOTE.sub(b"", line, count=1) for line in lines if line.lstrip()[:1] in b">|"]
    return lines


def first_of(table: Iterable[Told], head: bytes, lines: list[bytes]) -> Told | None:
    """The first of `table` that knows the beginning of an input or one of its first lines."""
    written = sum(bool(line.strip()) for line in lines)
    for kind in table:
        if kind.magic and head.startswith(kind.magic):
            return kind
        if kind.line is not None and any(kind.line.match(line) for line in lines):
            return kind
        if kind.most is not None and 2 * sum(kind.most.match(line) is not None for line in lines) > written:
            return kind
    return None
