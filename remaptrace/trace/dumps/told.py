"""What people have of the memory of a process that holds no list of its areas: named, with what to run instead."""

from __future__ import annotations

import re

from ..foreign.told import Told, first_of, lines_of, told

_MAPS = "`cat /proc/PID/smaps` (or maps) of the process has its areas"
_ANDROID = "`adb shell cat /proc/PID/smaps` (or `run-as PACKAGE cat /proc/PID/smaps`) has the areas"
_LINUX = "areas of other systems follow other rules: this is about Linux"
_MINIDUMP = "give the .dmp file itself: Breakpad and minidump-writer keep the map of the process in it"

_TABLE = (
    Told(
        "showmap's table, which sums up areas of one name",
        _ANDROID,
        line=re.compile(
            rb"\s*virtual +shared +shared +private +private|.*\bvirtual\b.*\bshared\b.*\bprivate\b"
        ),
    ),
    Told(
        "procrank's table: totals of processes", _ANDROID, line=re.compile(rb"\s*PID +Vss +Rss +Pss +Uss\b")
    ),
    Told("dumpsys meminfo: totals by kind", _ANDROID, line=re.compile(rb"\*\* MEMINFO in pid \d+")),
    Told("smem's table: totals of processes", _MAPS, line=re.compile(rb"\s*PID +User +Command +Swap +USS")),
    Told(
        "the kernel's table of an out-of-memory kill: totals of processes",
        _MAPS + "; memory ran out, not the number of areas",
        line=re.compile(rb".*\[ *pid *\] +uid +tgid +total_vm +rss"),
    ),
    Told("what free prints: totals of the system", _MAPS, line=re.compile(rb" +total +used +free +shared")),
    Told("/proc/meminfo: totals of the system", _MAPS, line=re.compile(rb"MemTotal: +\d+ kB")),
    Told("/proc/PID/status: totals of a process", _MAPS, line=re.compile(rb"Vm(?:Peak|Size|Data):\s+\d+ kB")),
    Told(
        "a number of lines: [vsyscall] is one, and no area",
        _MAPS + "; the limit is in /proc/sys/vm/max_map_count",
        line=re.compile(rb"\s*\d+ /proc/\S+/(?:s?maps)\s*\Z"),
    ),
    Told(
        "a listing of /proc/PID/map_files: mappings of files alone",
        _MAPS,
        most=re.compile(rb"\s*(?:\S+ +)?[0-9a-f]{5,16}-[0-9a-f]{5,16}\s*\Z"),
    ),
    Told(
        "psutil's memory_maps",
        _MAPS,
        line=re.compile(rb".*\bpmmap_(?:ext|grouped)\("),
    ),
    Told(
        "ranges as Frida lists them, which joins areas of one protection",
        _MAPS,
        line=re.compile(rb'.*"base": ?"0x[0-9a-f]+", ?"size": ?\d+, ?"protection"'),
    ),
    Told(
        "a table of volatility",
        _MAPS + ", while it runs; or give a core file",
        line=re.compile(rb"Volatility \d|(?:PID\tProcess|Offset +Pid)\s.*\bStart\s+End\b.*\bFlags\b"),
    ),
    Told(
        "the text of a minidump",
        _MINIDUMP,
        line=re.compile(
            rb"\s*(?:MinidumpMemoryInfoList|LinuxMapInfo|MINIDUMP_LINUX_MAPS|MDRawMemoryInfo)\b"
            rb"|Crash reason: +\S|Process uptime: |Linux memory map count: \d"
            rb'|.*"(?:linux_memory_map_count|crash_info)": ?'
        ),
    ),
    Told(
        "what createdump of .NET says while it writes",
        "give the core file that it wrote",
        line=re.compile(rb"\[createdump\] "),
    ),
    Told(
        "what coredumpctl says about a core file, without its segments",
        "write it out with `coredumpctl dump PID -o FILE`, and give that",
        line=re.compile(
            rb" *(?:Storage: .*/coredump/core\.|Message: Process \d+ \(.*\) of user \d+ dumped core)"
        ),
    ),
    Told(
        "a sanitizer's refusal, which names one area",
        _MAPS + "; `setarch -R` keeps addresses where it expects them",
        line=re.compile(rb"(?:==\d+==)?(?:FATAL: )?\w+Sanitizer: unexpected memory mapping"),
    ),
    Told(
        "a report of the Go runtime that it got no memory, without areas",
        _MAPS + "; or record the calls with `strace -f` to see which limit it was",
        line=re.compile(
            rb"runtime: (?:mmap\(|cannot (?:map pages|allocate memory)|out of memory)"
            rb"|fatal error: runtime: (?:cannot (?:map pages|allocate memory)|out of memory)"
        ),
    ),
    Told(
        "a report of the kernel on one area or address space (dump_vma, dump_mm), without the others",
        _MAPS,
        line=re.compile(
            rb"(?:.*\] )?(?:vma [0-9a-f]{8,16} start [0-9a-f]{8,16} end|mm:?[ :][0-9a-f]{8,16} task_size:)"
        ),
    ),
    Told(
        "a report of the kernel: what it found is in itself, not in a process",
        "give the program that led to it (syz, C under strace) as a log or a program of syzkaller",
        line=re.compile(
            rb"(?:.*\] )?(?:BUG: (?:KASAN|KCSAN|KMSAN|unable to handle)|kernel BUG at |WARNING: CPU: \d)"
        ),
    ),
    Told(
        "a crash report of Python without areas",
        _MAPS + ", or a core file",
        line=re.compile(rb"Fatal Python error: "),
    ),
    Told(
        "a report of macOS (vmmap, a crash report)",
        _LINUX,
        line=re.compile(
            rb"(?:==== (?:Non-writable|Writable) regions for process|Virtual Memory Map of process \d+"
            rb"|VM Region Summary:|OS Version: +(?:macOS|Mac OS X)|REGION TYPE +(?:START|VIRTUAL|SIZE))"
        ),
    ),
    Told(
        "a list of Windows (WinDbg !address, VMMap)",
        _LINUX,
        line=re.compile(
            rb"(?:\d:\d{3}> ?)?!address|\s*BaseAddress +EndAddress\+1 +RegionSize|.*\bMEM_(?:COMMIT|RESERVE)\b"
            rb"|\"?Address\"?,\"?Type\"?,\"?Size\"?,\"?Committed\"?"
        ),
    ),
    Told("a list of FreeBSD (procstat -v)", _LINUX, line=re.compile(rb" *PID +START +END +PRT +RES\b")),
)
"""The first that knows a line speaks; nothing here is asked before every reader has said no."""


def told_of_any(*heads: bytes) -> Told | None:
    """What an input that no reader knows seems to be: of another tracer, or of the memory of a process.

    `heads`: its first bytes, as given and as undone from what mails and pages did to them.
    """
    found = (told(head) for head in heads)
    about_memory = (first_of(_TABLE, head, lines_of(head)) for head in heads)
    return next((kind for kind in (*found, *about_memory) if kind is not None), None)
