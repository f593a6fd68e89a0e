"""Events in words: one line for a call, a step or an access, as every report shows it."""

from __future__ import annotations

from collections.abc import Iterable

from .. import errorcodes as ec
from ..abi import kinds as ev
from ..abi import mman as names
from ..abi.calls import ARGUMENTS, CALLS, EVENTS, KIND_NAMES, STRING_ARGUMENTS
from ..abi.errnos import errno_name
from ..abi.signals import PF_FETCH, PF_WRITE
from ..errors import InputError
from .events import Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..abi.places import Place

ONLY_FAILED = (
    "every call of the log failed, as strace -Z, -e status=failed and perf trace --failure record: what succeeded,"
    " and so what was mapped, is not in it"
)

BEGAN_BEFORE = "the log does not show the beginning of"
"""Words of the note on processes whose first areas a log does not show."""

NOT_COUNTED = "it is missing from the counts"
"""Words of the note on an exec whose areas nothing shows."""


def counts_are_lower_bounds(notes: Iterable[str]) -> bool:
    """Whether the notes of a trace say that areas which were there are in no count."""
    return any(BEGAN_BEFORE in note or NOT_COUNTED in note for note in notes)


UNORDERED = "in which order their calls came nobody knows"
"""Words of the note on files of threads without times."""

LACKS_CALLS = "the log lacks what unmapped it"
"""Words of the note on mappings that were placed where the log still has one."""


def counts_may_be_others(notes: Iterable[str]) -> bool:
    """Whether the notes say that areas may be joined, split or there otherwise than here."""
    return any(UNORDERED in note or LACKS_CALLS in note for note in notes)


_LEAVE_AREAS = (
    *("prlimit", "setrlimit", "process_vm_", "process_mrelease"),
    *(f"ioctl(UFFDIO_{what})" for what in ("COPY", "ZEROPAGE", "CONTINUE", "POISON", "WRITEPROTECT", "WAKE")),
)


def may_change_areas(call: str) -> bool:
    """Whether a call that is counted as not modelled by the name of `call` may make, part or take away areas."""
    return not call.startswith(_LEAVE_AREAS)


def not_expressible(trace: Trace, event: int, what: str, expected: str) -> InputError:
    """The error (RT221) of an event that a form cannot say: `what` is wrong, and what is `expected` instead."""
    where = place(trace, event)
    return InputError(ec.RT_CONVERT, what, where["file"], where["line"], expected=expected)


_ADDRESSES = frozenset({"addr", "new_addr", "start", "end", "ip", "sp"})
_ACCESSES = {ev.K_READ: "read", ev.K_WRITE: "write", ev.K_EXECUTE: "exec"}
_MADVISE = {number: name for name, number in names.ADVICE.items()}
_TABLES = {
    (row.kind, arg.name): arg.words
    for row in EVENTS.values()
    for arg in row.args
    if arg.form == "flags" and arg.words is not None and row.kind not in (ev.K_MMAP, ev.K_PERSONALITY)
}
"""Names of single bits. The flags of mmap have a type among them; personality is asked for with all bits set."""


def place(trace: Trace, event: int) -> Place:
    """Where `event` comes from."""
    if event < 0 or event >= len(trace):
        return {"event": -1, "pid": 0, "tid": 0, "file": trace.sources[0] if trace.sources else "", "line": 0}
    columns = trace.columns
    task = int(columns["task"][event])
    known = 0 <= task < len(trace.tasks)
    source = int(columns["source"][event]) if "source" in columns else 0
    return {
        "event": event,
        "pid": int(trace.tasks["pid"][task]) if known else 0,
        "tid": int(trace.tasks["tid"][task]) if known else 0,
        "file": trace.sources[source] if source < len(trace.sources) else "",
        "line": int(columns["line"][event]) if "line" in columns else 0,
    }


def event_text(trace: Trace, event: int) -> str:
    """The event as a call with its arguments, such as ``munmap(0x40000000, 4096)``."""
    columns = trace.columns
    kind = int(columns["kind"][event])
    values = [int(columns[f"a{i}"][event]) for i in range(6)]
    if kind in _ACCESSES:
        text = f"{event_word(kind, 0)} {_hex(values[0])}"
        return text + (f", {values[2]} pages" if values[2] > 1 else "")
    if kind == ev.K_FAULT:
        return f"{event_word(kind, values[1])} {_hex(values[0])}"
    arguments = ARGUMENTS.get(kind, ())
    words = [argument_text(trace, kind, name, value) for name, value in zip(arguments, values, strict=False)]
    return f"{KIND_NAMES.get(kind, f'kind {kind}')}({', '.join(words)})"


def event_word(kind: int, code: int) -> str:
    """The verb of an access, or of a fault with its error code (`PF_*`)."""
    if kind in _ACCESSES:
        return _ACCESSES[kind]
    return "exec" if code & PF_FETCH else "write" if code & PF_WRITE else "read"


def argument_form(kind: int, name: str) -> str:
    """How an argument is written: ``%x`` with 0x before it, ``%d``, or ``%s`` in words (see `argument_text`)."""
    if name in _ADDRESSES:
        return "%x"
    is_flags = name == "flags" and kind in (ev.K_MMAP, ev.K_OLD_MMAP)
    if name in STRING_ARGUMENTS or name in ("prot", "advice") or is_flags or (kind, name) in _TABLES:
        return "%s"
    return "%d"


def argument_text(trace: Trace, kind: int, name: str, value: int) -> str:
    """One argument of a call, as `event_text` has it."""
    if name in _ADDRESSES:
        return _hex(value)
    if name in STRING_ARGUMENTS:
        return repr(trace.strings[value]) if 0 <= value < len(trace.strings) else str(value)
    if name == "prot":
        return str(names.prot_word(value))
    if name == "flags" and kind in (ev.K_MMAP, ev.K_OLD_MMAP):
        return _joined(names.map_words(value))
    if (kind, name) in _TABLES:
        return _joined(names.flag_words(value, _TABLES[kind, name]))
    if name == "advice":
        return _MADVISE.get(value, str(value))
    return str(value)


def _joined(words: list[str | int]) -> str:
    return "|".join(w if isinstance(w, str) else hex(w) for w in words) or "0"


def _hex(value: int) -> str:
    return hex(value & 0xFFFF_FFFF_FFFF_FFFF)


def returns_address(kind: int) -> bool:
    """True if what the call returns is an address."""
    return kind in _RETURNS_ADDRESS


def result_text(value: int, kind: int = 0) -> str:
    """A result as a person reads it: the name of an errno, an address in hex, a number."""
    if -4095 <= value < 0:
        return errno_name(-value)
    if kind in _RETURNS_ADDRESS:
        return _hex(value)
    return str(value)


_RETURNS_ADDRESS = frozenset(
    (ev.K_OLD_MMAP, *(c.kind for c in CALLS.values() if c.returns in (ev.RETURNS_ADDRESS, ev.RETURNS_BREAK)))
)
