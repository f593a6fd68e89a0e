"""One line of strace output: whose it is, when, and what it says.

The columns in front of a call, each optional: ``15328`` or ``[pid 15328]`` (with ``<comm>`` under -Y), a
time stamp (-t, -tt, -ttt, -r, any precision), ``[ 9]`` (-n) and ``[00007f623c388ca3]`` (-i). Behind it: the
result, the name of an error, remarks like ``(INJECTED)``, the duration (-T).
"""

from __future__ import annotations

import re

from ...abi.errnos import ERRNO_NOT_SHOWN, ERRNOS
from ...abi.rows import T_ABSOLUTE, T_NONE, T_OF_DAY, T_RELATIVE
from ...errorcodes import RT_ARGUMENT, RT_LINE
from ...lateclasses import dataclass
from .args import BadLine, annotation_at, split_arguments, value

_EPOCH_FROM = 100_000_000  # seconds: a smaller number is the difference of -r (March 1973 is long past)

_LAST_SECOND = 9_000_000_000  # in nanoseconds the last that fits 63 bits

_HEAD = re.compile(
    rb"""(?:\[pid\ +(?P<inner>\d{1,10})(?:<[^>]*>)?\]\ +|(?P<pid>\d{1,10})(?:<[^>]*>\ *|(?=\ ))\ *(?=\S))?
    (?:(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:\.(?P<sub>\d{1,9}))?\ +
      |\ *(?P<sec>\d{1,18})(?:\.(?P<frac>\d{1,9}))?\ +(?=\S)
    )?
    (?:\(\+\ +\d+\.\d+\)\ +)?
    (?:\[[\ \d]{1,12}\]\ +)?
    (?:\[(?:[0-9a-f]{8,16}|\?{8,16})\]\ +)?""",
    re.VERBOSE,
)

_SIGNED_32, _NO_ERRORS = 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_FFFF_F000
"""Addresses of the upper half of 32 bits as an old strace on a 64-bit machine shows them: their sign extended."""

_CALL = re.compile(rb"([a-z_][a-z0-9_]*|SYS_\d+|\?+)\(")
_RESUMED = re.compile(rb"<\.\.\. ([a-z_?][a-z0-9_?]*) resumed>")
_UNFINISHED = re.compile(rb"\s*<(unfinished|detached) \.\.\.>\Z|\s*<(ptrace)\(\w+\):[^<>]*>\Z")
_RESULT = re.compile(rb"\s*= (\?|-?(?:0x[0-9a-fA-F]+|\d+))")
_OCTAL = re.compile(rb"-?0\d")
"""What C reads as octal: strace prints no result so but that of umask, which is only counted."""
_REMARKS = rb"""(?:\ +(?P<name>E[A-Z0-9][A-Z0-9]*|ERRNO_\d{1,4})(?![\w.])
      | \ *[(\[]?(?P<word>E[A-Z0-9][A-Z0-9]*)[)\]](?=\ |\Z)
      | \ *\(?err(?:no|or)?[ =:]\ ?(?P<number>\d{1,4})\b\)?)?
    (?P<remarks>(?:\ *\((?:[^()]|\([^()]*\))*\))*)
    (?:\ */\*.*?\*/)?
    (?:\ *<(?:\d+\.\d+|unavailable)>)?"""
_BEHIND = re.compile(_REMARKS, re.VERBOSE | re.DOTALL)
"""What may stand behind a result: an error in any spelling, remarks in parentheses, a comment, the duration."""
_REST = re.compile(
    _REMARKS + rb"""[\ \t;]*(?:(?<=[\ \t])(?:\#{1,4}|//+|<[-=]+|\xe2\x86\x90)\ (?!.*\w\(.*\)\ *=\ ).*)?\Z""",
    re.VERBOSE | re.DOTALL,
)
"""The same and what a reader wrote behind it: ``# why``, ``// why``, ``<-- here``; no call stands in that."""
_INJECTED = re.compile(rb"\(INJECTED(?:: (?!args\))[^)]*)?\)")
_MAY_HOLD_MORE = re.compile(rb"\) *= *[-?0-9][^\n]*? (?:[a-z_][a-z0-9_]*\(|<\.\.\. [a-z_])")
_BLANKS = re.compile(rb"[ \t]+")
_EXITED = re.compile(rb"\+\+\+ exited with (\d+) \+\+\+\Z")
_KILLED = re.compile(rb"\+\+\+ killed by (SIG\w+|\d+)(?: \(core dumped\))? \+\+\+\Z")
_SUPERSEDED = re.compile(rb"\+\+\+ superseded by execve in pid (\d+)(?:<[^>]*>)? \+\+\+\Z")
_SIGNAL = re.compile(rb"--- (SIG\w+|\d+) (\{.*\}|\(.*\).*) ---\Z", re.DOTALL)
_TOOK = re.compile(rb" <(\d{1,9})\.(\d{1,9})>\r?\Z")
_STOPPED = re.compile(rb"--- stopped by (SIG\w+|\d+) ---\Z")
_NOTICE = re.compile(
    rb"strace: (?:Process \d+(?:<[^>]*>)? attached|\[ Process PID=\d+ runs in (?:32 bit|64 bit|x32) mode\. \]"
    rb"|WARNING: Proper structure decoding for this personality is not supported[^\n]*)\Z"
)
"""What strace says on a terminal in the middle of a call's line."""
_NOISE = re.compile(
    rb"\s*\Z| > | \| |(?:\^C)?strace: |\s*<detached \.\.\.>\s*\Z"
    rb"|% time |-{6} -|\s*\d+\.\d\d +\d+\.\d+ +\d+ |> |\[ Process PID=|Process \d+ "
)


@dataclass(frozen=True)
class Head:
    """The columns in front: thread id or None, time stamp in ns and its kind, where the rest begins."""

    tid: int | None
    time: int
    time_kind: int
    start: int


@dataclass(frozen=True)
class Result:
    """What a call returned. `value` is None for ``?``; an error is -errno."""

    value: int | None
    restarts: bool = False  # "? ERESTARTSYS": the call is made again
    injected: bool = False  # strace made the result up; the call was not run
    path: str | None = None  # of the descriptor returned, under -y


def read_head(line: bytes) -> Head:
    """The columns in front of a call."""
    match = _HEAD.match(line)
    assert match is not None
    inner, pid, hour, minute, second, sub, whole, fraction = match.group(
        "inner", "pid", "h", "m", "s", "sub", "sec", "frac"
    )
    time, kind = 0, T_NONE
    if hour is not None:
        time = (int(hour) * 3600 + int(minute) * 60 + int(second)) * 1_000_000_000
        time += int(sub.ljust(9, b"0")) if sub else 0
        kind = T_OF_DAY
    elif whole is not None:
        seconds = int(whole)
        time = min(seconds, _LAST_SECOND) * 1_000_000_000 + (int(fraction.ljust(9, b"0")) if fraction else 0)
        kind = T_ABSOLUTE if seconds >= _EPOCH_FROM else T_RELATIVE
    elif pid is not None and int(pid) >= _EPOCH_FROM:
        return Head(None, min(int(pid), _LAST_SECOND) * 1_000_000_000, T_ABSOLUTE, match.end())
    tid = inner or pid
    return Head(int(tid) if tid is not None else None, time, kind, match.end())


def read_result(text: bytes, at: int) -> Result | None:
    """The result behind the closing parenthesis at `at`; None if there is none (a line cut off).

    BadLine RT301 if anything but remarks, a comment and the duration stands behind it, RT305 for a number that
    no call returns. A -1 without an error is -ERRNO_NOT_SHOWN.
    """
    match = _RESULT.match(text, at)
    if match is None:
        return None
    token, end, path = match.group(1), match.end(), None
    if token != b"?" and text[end : end + 1] == b"<" and (found := annotation_at(text, end)) is not None:
        path, end = found
    rest = _REST.match(text, end)
    if rest is None:
        raise BadLine(RT_LINE, end, text[end:], "(remarks), /* a comment */ or <seconds> behind a result")
    injected = _INJECTED.search(rest.group("remarks")) is not None
    if token == b"?":
        return Result(None, text.startswith(b" ERESTART", end), injected)
    if _OCTAL.match(token) is not None:
        raise BadLine(RT_ARGUMENT, match.start(1), token, "a result in decimal or hexadecimal digits")
    number = value(token)
    if _SIGNED_32 <= number < _NO_ERRORS:
        number &= 0xFFFF_FFFF
    if number >> 63 > 0:
        raise BadLine(RT_ARGUMENT, match.start(1), token, "a result below 2**63, or -1 and an error")
    error = _error(rest, end)
    if number == -1:
        number = -error if error else -ERRNO_NOT_SHOWN
    elif error and number != -error:
        raise BadLine(RT_LINE, end, text[end:], "no error behind a result that is not -1")
    return Result(number, False, injected, path)


def _error(rest: re.Match[bytes], at: int) -> int:
    """The number of the error that a result names, 0 if it names none."""
    if rest.group("number") is not None:
        return int(rest.group("number"))
    name = rest.group("name") or rest.group("word")
    if name is None:
        return 0
    if name.startswith(b"ERRNO_"):
        return int(name[6:])
    number = ERRNOS.get(name.decode())
    if number is None:
        raise BadLine(RT_LINE, at, name, "the name of an error")
    return number


def split_call(text: bytes) -> tuple[bytes, list[bytes], Result] | None:
    """Name, arguments and result of a complete call; None if the text ends too early to be one."""
    match = _CALL.match(text)
    if match is None:
        return None
    arguments, end = split_arguments(text, match.end())
    if end < 0:
        return None
    result = read_result(text, end)
    if result is None:
        return None
    return match.group(1), arguments, result


def call_name(text: bytes) -> bytes | None:
    """The name of the call that `text` begins with; None if it is no call."""
    match = _CALL.match(text)
    return match.group(1) if match else None


def resumed_name(text: bytes) -> tuple[bytes, bytes] | None:
    """For ``<... mmap resumed>rest``: the name and the rest; None for another line."""
    match = _RESUMED.match(text)
    return (match.group(1), text[match.end() :]) if match else None


def resumed_behind(line: bytes) -> bytes | None:
    """The name of the call whose second part `line` is, columns and all; None for another line."""
    found = resumed_name(line[read_head(line).start :])
    return None if found is None else found[0]


def unfinished(text: bytes) -> tuple[bytes, bytes] | None:
    """For ``text <unfinished ...>`` or ``<detached ...>``: the text before, and which word; else None.

    ``<ptrace(SYSCALL):No such process>`` is how an old strace says that the process was gone.
    """
    if not text.endswith((b" ...>", b"process>")):
        return None
    match = _UNFINISHED.search(text)
    return (text[: match.start()], match.group(1) or match.group(2)) if match else None


def notice_at(text: bytes) -> int:
    """Where a notice of strace itself begins inside `text` (``vfork(strace: Process 5 attached``), or -1."""
    if b"strace: " not in text:
        return -1
    match = _NOTICE.search(text)
    return match.start() if match else -1


def is_noise(line: bytes) -> bool:
    """True for lines that are no calls by intent: stack frames, notices, hex dumps, summary tables."""
    return _NOISE.match(line) is not None


def duration(text: bytes) -> int:
    """The nanoseconds that -T puts behind a call, -1: it does not."""
    took = _TOOK.search(text)
    return -1 if took is None else int(took.group(1)) * 1_000_000_000 + int(took.group(2).ljust(9, b"0"))


def exit_code(text: bytes) -> int | None:
    """The status of ``+++ exited with N +++``, 128 + signal of ``+++ killed by SIGX +++``, else None."""
    match = _EXITED.match(text)
    if match is not None:
        return min(int(match.group(1)), 255)
    match = _KILLED.match(text)
    return 128 + (value(match.group(1)) & 0x7F) if match else None


def is_killed(text: bytes) -> bool:
    """True for ``+++ killed by …``: a signal ends every thread of the process."""
    return text.startswith(b"+++ killed ")


def superseded_by(text: bytes) -> int | None:
    """The thread id N of ``+++ superseded by execve in pid N +++``, else None."""
    match = _SUPERSEDED.match(text)
    return int(match.group(1)) if match else None


def signal_line(text: bytes) -> tuple[bytes, bytes] | None:
    """Name and description of ``--- SIGX {...} ---``; no description for stops; None for other lines."""
    match = _SIGNAL.match(text)
    if match is not None:
        return match.group(1), match.group(2)
    match = _STOPPED.match(text)
    return (match.group(1), b"") if match else None


def behind_first(line: bytes) -> int:
    """Where in `line` another call begins, columns and all, behind one that is whole with its result; -1 if nowhere."""
    if _MAY_HOLD_MORE.search(line) is None:
        return -1
    start = read_head(line).start
    resumed = _RESUMED.match(line, start)
    if resumed is not None:
        at = resumed.end()
    elif call_name(line[start:]) is not None:
        at = line.index(b"(", start) + 1
    else:
        return -1
    end = split_arguments(line, at)[1]
    result = _RESULT.match(line, end) if end >= 0 else None
    if result is None:
        return -1
    end = result.end()
    if line[end : end + 1] == b"<" and (named := annotation_at(line, end)) is not None:
        end = named[1]
    behind = _BEHIND.match(line, end)
    assert behind is not None  # all of it may be absent
    blanks = _BLANKS.match(line, behind.end())
    if blanks is None:
        return -1
    text = line[blanks.end() :]
    text = text[read_head(text).start :]
    return blanks.end() if call_name(text) is not None or _RESUMED.match(text) else -1


def last_call(line: bytes) -> bytes:
    """The last of the calls in a line, which may lack its end."""
    while (at := behind_first(line)) >= 0:
        line = line[at:]
    return line
