"""Which lines of a qemu-user log are of which guest, and the pieces into which -d page breaks them.

Every process that qemu starts, children of another architecture among them, writes into one log. The digits of
addresses tell the width of the guest (TARGET_ABI_FMT_lx: 8 or 16), names of files and calls its architecture. A process
may change both with execve.
"""

from __future__ import annotations

from ...counting import counted
from ...lateclasses import dataclass, field
from ...patterns import pattern
from ..strace.origin import named_in

PAGES = b"page layout changed following "
_OWN_WORDS = pattern(
    rb"(?:page layout changed following \w+(?: \w+)?|start +end +size +prot"
    rb"|[0-9a-f]{8,16}-[0-9a-f]{8,16} [0-9a-f]{8,16} [r-][w-][x-]"
    rb"|(?:host mmap_min_addr=|pgb_\w+: |Locating guest address space|Reserved 0x)[^\n]*"
    rb"|(?:start_brk|(?:start|end)_(?:code|data)|start_stack|brk|entry|(?:argv|env|auxv)_start|argc|guest_base) +"
    rb"(?:0x[0-9a-f]+|\(nil\)|\d+))\s*\Z"
)
"""What qemu writes of itself under -d page."""
_BEGUN = pattern(rb"(\d{1,9}) [a-z_]\w*\(")
_RESULT = pattern(rb" = (?:-?\d|0x)")
_WIDTH = pattern(rb"\d{1,9} (?:mmap2?|brk|mremap|shmat)\([^\n]*\) = 0x([0-9a-f]{16}|[0-9a-f]{8})\s*\Z")
_EXECS = pattern(rb"(\d{1,9}) execve\(")
_SHOWN = 4
"""Processes that a note names."""


def whole_lines(lines: list[bytes]) -> tuple[list[bytes], int]:
    """`lines` with the calls that -d page broke joined where their result stands, and how many of them are qemu's own.

    Line numbers stay: what is gone is empty.
    """
    out: list[bytes] = []
    begun = -1  # the line of the call that waits for its result
    own = 0
    for line in lines:
        at = line.find(PAGES)
        if at > 0 and _BEGUN.match(line):
            begun = len(out)
            out.append(line[:at])
        elif _OWN_WORDS.match(line):
            own += 1
            out.append(b"")
        elif begun >= 0 and _RESULT.match(line):
            out.append(out[begun] + line)
            out[begun] = b""
            begun = -1
        else:
            out.append(line)
    return out, own


@dataclass
class _Guest:
    """The lines of a process from one execve to the next."""

    pid: bytes
    rows: list[int] = field(default_factory=list)
    widths: set[int] = field(default_factory=set)

    @property
    def width(self) -> int:
        """Bits of its addresses; 0: not shown, or not one width."""
        return min(self.widths) if len(self.widths) == 1 else 0


def guests_of(lines: list[bytes]) -> list[_Guest]:
    """The programs of a log, in the order of their first lines."""
    current: dict[bytes, _Guest] = {}
    guests: list[_Guest] = []
    for row, line in enumerate(lines):
        begun = _BEGUN.match(line)
        if begun is None:
            continue
        pid = begun[1]
        if pid not in current:
            current[pid] = _Guest(pid)
            guests.append(current[pid])
        guest = current[pid]
        guest.rows.append(row)
        width = _WIDTH.match(line)
        if width is not None:
            guest.widths.add(4 * len(width[1]))
        if _EXECS.match(line):
            del current[pid]
    return guests


def one_machine(lines: list[bytes]) -> tuple[list[bytes], int, str]:
    """The lines of the guests that are of the machine of the first, its bits (0: not shown), and a note on others.

    Guests are told apart where both show what they are; nothing is guessed of one that shows nothing.
    """
    guests = guests_of(lines)
    bits = next((guest.width for guest in guests if guest.width), 0)
    arch = ""
    others: list[tuple[_Guest, str]] = []
    for guest in guests:
        if guest.width and guest.width != bits:
            others.append((guest, f"{guest.width} bits"))
            continue
        named = named_in(b"\n".join(lines[row] for row in guest.rows)) if guest.width else ""
        arch = arch or named
        if named and named != arch:
            others.append((guest, named))
    if not others:
        return lines, bits, ""
    out = list(lines)
    for guest, _ in others:
        for row in guest.rows:
            out[row] = b""
    count = sum(len(guest.rows) for guest, _ in others)
    shown = ", ".join(f"{guest.pid.decode()} ({what})" for guest, what in others[:_SHOWN])
    more = ", ..." if len(others) > _SHOWN else ""
    first = f"{arch or 'the first'}{f', {bits} bits' if bits else ''}"
    return (
        out,
        bits,
        f"{counted(count, 'line')} of guests of another architecture than {first}, left out: processes {shown}{more}"
        " (read them alone, with --arch)",
    )
