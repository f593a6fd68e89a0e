"""What lines of ftrace, perf script and perf trace look like; asked of every input: no reader is loaded here."""

from __future__ import annotations

import re

# ---- ftrace --------------------------------------------------------------------------------

FTRACE_HEAD = re.compile(
    rb" *(?P<comm>.{1,16}?)-(?P<tid>\d{1,9}) +(?:\( *(?P<tgid>\d{1,9}|-+)\) +)?\[\d{1,9}\] +"
    rb"(?:[^\s:]{4,8} +)?(?P<time>(?:\d{1,9}|[1-8]\d{9})\.\d+|\d+): +"
)
LATENCY = re.compile(
    rb" *(?P<comm>.{1,8}?)-(?P<tid>\d{1,9}) +\d+[^\s:]{4,8} +(?P<time>\d{1,15})us[ !#+*@$]?: +"
)
RAW = re.compile(rb"\d+ \d+ \d+ type: \d+")
LOST = re.compile(rb"CPU:\d+ \[LOST(?: (\d{1,18}))? EVENTS\]")
BARE = re.compile(
    rb"(?:sys_\w+(?:\(| -> )|page_fault_user: |sched_process_\w+: |signal_deliver: |task_newtask: )"
)
_KNOWN = (b"sys_", b"page_fault_user", b"sched_process_", b"signal_deliver", b"task_newtask")


def looks_like_ftrace(head: bytes) -> bool:
    """True if `head`, the first bytes of a file, begins an ftrace text."""
    lines = [line for line in head.split(b"\n")[:40] if line.strip()]
    if any(line.startswith(b"# tracer:") for line in lines[:3]):
        return True
    lines = [line for line in lines if not line.startswith(b"#")][:10]
    for line in lines:
        found = FTRACE_HEAD.match(line) or LATENCY.match(line)
        if found and line.startswith(_KNOWN, found.end()):
            return True
        if RAW.match(line) or LOST.match(line) or BARE.match(line):
            return True
    return False


# ---- perf trace ----------------------------------------------------------------------------

_TRACE_HEAD = re.compile(
    rb" *(?:(\d{1,14}\.\d+)|\?) \( *(?:(\d+\.\d+) ms)? *\): +(?:(?:([^()=]*?)/)?(\d{1,9}) +)?"
)
_TRACE_POINT_HEAD = re.compile(rb" *(\d{1,14}\.\d+)() +(?:(?:([^()=]*?)/)?(\d{1,9}) +)?(?=[a-z_]\w*:\w+\()")
"""Of tracepoints alone (-e syscalls:sys_enter_mmap): nothing between the time and the task."""
FAULT = re.compile(rb"(?:min|maj)fault \[([^\]]*)\] => (\S.*?) \((.)(.)\)")
CALL = re.compile(rb"(\w+)\((.*?)\) +(=|\.\.\.) *(.*)")
CONTINUED = re.compile(rb"\.\.\. \[continued\]: (\w+)\(.*?\)\) += *(.*)")
POINT = re.compile(rb"(\w+):(\w+)\((.*)\)\s*$")


def perf_trace_head(line: bytes) -> re.Match[bytes] | None:
    """Time, how long it took, name and thread id in front of a line of perf trace."""
    return _TRACE_HEAD.match(line) or _TRACE_POINT_HEAD.match(line)


def looks_like_perf_trace(line: bytes) -> bool:
    """True if `line` has the form of a perf trace line, or of its summary."""
    head = perf_trace_head(line)
    if head is not None:
        rest = line[head.end() :]
        return any(form.match(rest) for form in (CALL, CONTINUED, FAULT, POINT))
    return line.startswith(b" Summary of events:")


# ---- perf script ---------------------------------------------------------------------------

_EVENT = (
    rb"(?P<event>(?:[a-z][\w-]*:)\w+|(?:page|minor|major)-faults(?::\w+)?|PERF_RECORD_\w+(?: exec)?|LOST)"
    rb":?(?P<rest>.*)"
)
_WHO = rb"(?P<pid>-?\d{1,9})(?:/(?P<tid>-?\d{1,9}))?"
_CPU = rb"(?: +[UKHGgSEM]{1,4}(?= ))?(?: +\[\d{1,9}\])?(?: +[UKHGgSEM]{1,4}(?= ))?"  # and what -F misc prints
_WHEN = (  # date, time, period
    rb"(?: +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)?(?: +(?P<time>(?:\d{1,9}|[1-8]\d{9})\.\d+):)?(?: +\d{1,18})? +"
)
_NAME_ALONE = rb"(?P<comm>(?!.{0,16} \d{1,9}[ /])[^\s:\[](?:[^:]{0,14}[^\s:])?)"
"""Of a form without thread ids."""
_FORMS = (
    re.compile(rb"(?P<comm>.{15}\S) +" + _WHO + _CPU + _WHEN + _EVENT),  # %16s
    re.compile(
        rb"(?P<comm>.{7}\S) +" + _WHO + rb" +\d+ +(?P<time>(?:\d{1,9}|[1-8]\d{9})\.\d+): +" + _EVENT
    ),  # --Latency: %8.8s
    re.compile(rb" *" + _WHO + _CPU + _WHEN + _EVENT),  # no comm
    re.compile(rb"(?P<comm>\S.*?) +" + _WHO + _CPU + _WHEN + _EVENT),  # call chains
    re.compile(rb"(?:\[\d{1,9}\])? +" + _EVENT),  # nothing before the event
    re.compile(
        rb" *(?:"
        + _NAME_ALONE
        + rb" +)?(?:\[\d{1,9}\] +)?(?P<time>(?:\d{1,9}|[1-8]\d{9})\.\d+): +(?:\d{1,18} +)?"
        + _EVENT
    ),
    re.compile(rb" *" + _NAME_ALONE + rb" +(?:\[\d{1,9}\] +)?" + _EVENT),
    re.compile(rb" +(?P<comm>[^\s:\[][^:\[]{0,14}?) +" + _WHO + _CPU + _WHEN + _EVENT),  # indented by a page
)
_SAMPLES = (
    b"syscalls:sys_",
    b"raw_syscalls:sys_",
    b"exceptions:page_fault_",
    b"page-faults",
    b"sched:sched_process_",
    b"PERF_RECORD_",
    b"signal:",
    b"task:",
)


def perf_fields(line: bytes) -> re.Match[bytes] | None:
    """The fields of a line in the first form that fits."""
    for form in _FORMS:
        found = form.match(line)
        if found is not None:
            return found
    return None


def looks_like_perf(head: bytes) -> bool:
    """True if `head`, the first bytes of a file, begins a perf script text."""
    lines = [line for line in head.split(b"\n")[:200] if line.strip()]
    if lines and lines[0].startswith(b"# ========"):
        return True
    lines = [line for line in lines if not line.startswith(b"#")][:60]
    for line in lines:
        if looks_like_perf_trace(line):
            return True
        found = perf_fields(line)
        if found is not None and found["event"].startswith(_SAMPLES):
            return True
    return False
