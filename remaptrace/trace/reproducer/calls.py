"""One event as the C statement that does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...abi import kinds as ev
from ...abi import mman as names
from ...abi import vmanames
from ...abi.calls import AS_NUMBERS, CALLS, EVENTS, Arg
from ...abi.rows import E_ARGS, E_KIND, E_RET
from ...abi.signals import PF_FETCH, PF_WRITE
from . import constants as c

if TYPE_CHECKING:
    from .program import Program

Words = list[str]
_ARGUMENT = Callable[["Program", int, int, int], str]  # program, event, position, value


class NotPortable(Exception):
    """Why an event cannot be done by a program on a real kernel."""


def _address(p: Program, event: int, position: int, value: int) -> str:
    source = p.references.get((event, position))
    if source is None:
        return p.layout.address(value)
    step, addend = source
    return f"r[{step}]" + (f" {'-' if addend < 0 else '+'} {hex(abs(addend))}" if addend else "")


def _number(_p: Program, _event: int, _position: int, value: int) -> str:
    return c.number(value)


def _prot(_p: Program, _event: int, _position: int, value: int) -> str:
    return c.prot(value)


def _advice(_p: Program, _event: int, _position: int, value: int) -> str:
    return c.advice(value)


def _fd(p: Program, _event: int, _position: int, value: int) -> str:
    return p.descriptor(value)


def _speller(argument: Arg) -> _ARGUMENT:
    """How C spells an argument, by its form in the table of calls."""
    words = argument.words
    if argument.form == "flags" and words is not None and c.has_names(words):
        return lambda _p, _event, _position, value: c.flags(value, words)
    return _SPELLERS.get(argument.form, _number)


_SPELLERS: dict[str, _ARGUMENT] = {"addr": _address, "prot": _prot, "fd": _fd, "name": _advice}
_CALLS: dict[int, tuple[str, tuple[_ARGUMENT, ...]]] = {
    call.kind: (EVENTS[call.kind].name, tuple(map(_speller, EVENTS[call.kind].args)))
    for call in CALLS.values()
    if call.read == AS_NUMBERS or call.kind in (ev.K_HOME_NODE, ev.K_SETUID)
}
_REASONS: dict[int, str] = {
    ev.K_MM: "asks for numbers that only the kernel has",
    ev.K_HUGEPAGES: "asks for the machine's pool of huge pages",
    ev.K_SYSCTL: "changes a setting of the whole machine",
    ev.K_RECLAIM: "asks the kernel to swap out, which no call does",
    ev.K_WRITEBACK: "asks the kernel to clean pages, which no call does exactly",
    ev.K_SPECIAL_FILE: "needs a device or a special file",
    ev.K_PKRU: "needs a processor with protection keys",
    ev.K_IO_SETUP: "maps a ring at an address of the kernel's choice, which steps cannot refer to",
    ev.K_IO_DESTROY: "names a ring by the address that the simulated kernel chose",
    ev.K_PROCESS_VM: "moves memory through another process's eyes, which C programs here do not",
    ev.K_USERFAULTFD: "userfaultfd is not written as C",
    ev.K_OPEN: "opens a file that only the recorded machine has",
    ev.K_EXEC: "executes a program that only the recorded machine has",
    ev.K_SIGNAL: "is a recorded signal, not a step",
    ev.K_FORK: "makes a task that lives on beside its parent; a C program follows one",
}


def statement(p: Program, event: int, row: list[int], step: int) -> str:
    """The statement that does `event` as step number `step`. Raises NotPortable."""
    kind, a = row[E_KIND], row[E_ARGS:E_RET]
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(p, event, a, step)
    known = _CALLS.get(kind)
    if known is None:
        if ev.K_UFFD_API <= kind <= ev.K_UFFD_WAKE:
            raise NotPortable(_REASONS[ev.K_USERFAULTFD])
        raise NotPortable(_REASONS.get(kind, "has no counterpart in a C program"))
    name, arguments = known
    words = [spell(p, event, i, a[i]) for i, spell in enumerate(arguments)]
    return f"CALL({', '.join([str(step), name, *words])});"


def _remap_file_pages(p: Program, event: int, a: list[int], step: int) -> str:
    if a[4] & names.RFP_CHGPROT:
        raise NotPortable("asks for MAP_CHGPROT, which no released kernel has")
    flags = "MAP_NONBLOCK" if a[4] == names.MAP_NONBLOCK else c.number(a[4])
    words = [_address(p, event, 0, a[0]), c.number(a[1]), c.prot(a[2]), c.number(a[3]), flags]
    return f"CALL({step}, remap_file_pages, {', '.join(words)});"


def _mincore(p: Program, event: int, a: list[int], step: int) -> str:
    pages = (a[1] & (1 << 64) - 1) // p.page_size
    buffer = "(long)resident" if pages <= p.most_pages else "8"
    p.uses.add("pages")
    return f"CALL({step}, mincore, {_address(p, event, 0, a[0])}, {c.number(a[1])}, {buffer});"


def _touch(p: Program, event: int, a: list[int], step: int, how: str, value: int, pages: int) -> str:
    at = _address(p, event, 0, a[0])
    if how == "FETCH" and not p.arch.startswith("x86_64"):
        raise NotPortable("fetches an instruction: C programs do so on x86_64 alone")
    return f"DO({step}, touch({how}, {at}, {value}, {pages}));"


def _access(how: str) -> Callable[[Program, int, list[int], int], str]:
    def write(p: Program, event: int, a: list[int], step: int) -> str:
        if a[3]:
            raise NotPortable("is an access with the stack pointer elsewhere")
        return _touch(p, event, a, step, how, max(a[1], 1 if a[1] < 0 else 0) & 255, max(a[2], 1))

    return write


def _fault(p: Program, event: int, a: list[int], step: int) -> str:
    how = "FETCH" if a[1] & PF_FETCH else "STORE" if a[1] & PF_WRITE else "LOAD"
    return _touch(p, event, a, step, how, 1, 1)


def _make_file(p: Program, _event: int, a: list[int], step: int) -> str:
    if a[3] == 1:
        raise NotPortable("needs a file on a disk with dirty accounting")
    huge = a[3]
    if huge and a[1]:
        raise NotPortable("fills a file of huge pages")
    flags = "MFD_ALLOW_SEALING"
    if a[5] < 0:
        flags = f"{~a[5]}U"
    elif huge:
        size = "" if huge == names.HUGE_DEFAULT else f" | {huge}U << 26"
        flags = f"MFD_ALLOW_SEALING | MFD_HUGETLB{size}"
    p.uses.add("files")
    name = p.new_file(a[0], p.trace.strings[a[4]])
    p.files_made += 1
    shown = c.text(p.file_name(p.trace.strings[a[4]]))
    return f"DO({step}, make_file(&{name}, {shown}, {a[1]}, {int(bool(a[2]))}, {p.files_made - 1}, {flags}));"


def _reopen(p: Program, _event: int, a: list[int], step: int) -> str:
    p.uses.add("files")
    how = {1: "O_RDONLY", 2: "O_WRONLY", 3: "O_RDWR"}.get(a[2], str(a[2]))
    old = p.descriptor(a[0])
    return f"DO({step}, open_again({old}, &{p.new_file(a[1], '')}, {how}));"


def _dup(p: Program, _event: int, a: list[int], step: int) -> str:
    p.uses.add("files")
    old = p.descriptor(a[0])
    return f"DO({step}, duplicate({old}, &{p.new_file(a[1], '')}));"


def _close(p: Program, _event: int, a: list[int], step: int) -> str:
    p.uses.add("files")
    name = p.descriptor(a[0])
    return f"DO({step}, close_file(&{name}));" if name in p.variables else f"CALL({step}, close, {name});"


def _seal(p: Program, _event: int, a: list[int], step: int) -> str:
    return f"CALL({step}, fcntl, {p.descriptor(a[0])}, F_ADD_SEALS, {c.flags(a[1], names.SEALS)});"


def _pread(p: Program, _event: int, a: list[int], step: int) -> str:
    p.uses.add("files")
    return f"DO({step}, read_byte({p.descriptor(a[0])}, {c.number(a[1])}));"


def _pwrite(p: Program, _event: int, a: list[int], step: int) -> str:
    p.uses.add("files")
    return f"DO({step}, write_byte({p.descriptor(a[0])}, {c.number(a[1])}, {a[2] & 255}));"


def _vma_name(p: Program, event: int, a: list[int], step: int) -> str:
    name = p.trace.strings[a[2]]
    if name.startswith(vmanames.POINTER) or name == vmanames.UNREADABLE:
        pointer = "1"
    else:
        pointer = f"(long){c.text(name.removeprefix(vmanames.PREFIX))}" if name else "0"
    where = f"{_address(p, event, 0, a[0])}, {c.number(a[1])}"
    return f"CALL({step}, prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, {where}, {pointer});"


def _mask(value: int) -> str:
    return f"(long)&(unsigned long){{ {c.number(value)} }}" if value >= 0 else "0"


def _mbind(p: Program, event: int, a: list[int], step: int) -> str:
    words = [_address(p, event, 0, a[0]), c.number(a[1]), c.number(a[2]), _mask(a[3]), str(a[4]), str(a[5])]
    return f"CALL({step}, mbind, {', '.join(words)});"


def _set_mempolicy(_p: Program, _event: int, a: list[int], step: int) -> str:
    return f"CALL({step}, set_mempolicy, {a[0]}, {_mask(a[1])}, {a[2]});"


def _prctl(_p: Program, _event: int, a: list[int], step: int) -> str:
    return f"CALL({step}, prctl, {', '.join(c.number(v) for v in a[:5])});"


def _setrlimit(p: Program, _event: int, a: list[int], step: int) -> str:
    p.uses.add("limits")
    soft = "~0UL" if a[1] == -1 else c.number(a[1])
    if p.layout.known and a[1] != -1 and a[0] == names.RLIMITS["as"]:
        soft = f"{soft} + (own_pages - {p.layout.pages}) * PAGE"
        p.layout.used = True
    elif a[0] in (names.RLIMITS["as"], names.RLIMITS["data"]) and a[1] != -1:
        raise NotPortable(
            "sets a limit that counts the program's own areas, which the scenario does not list"
        )
    return f"DO({step}, limit({c.resource(a[0])}, {soft}));"


def _segment(p: Program, value: int) -> str:
    step = p.segments.get(value)
    return f"r[{step}]" if step is not None else str(value)


def _shmat(p: Program, event: int, a: list[int], step: int) -> str:
    return f"CALL({step}, shmat, {_segment(p, a[0])}, {_address(p, event, 1, a[1])}, {c.flags(a[2], names.SHM)});"


def _shmctl(p: Program, _event: int, a: list[int], step: int) -> str:
    return f"CALL({step}, shmctl, {_segment(p, a[0])}, 0 /* IPC_RMID */);"


def _shmdt(p: Program, event: int, a: list[int], step: int) -> str:
    return f"CALL({step}, shmdt, {_address(p, event, 0, a[0])});"


def _nothing(words: str) -> Callable[[Program, int, list[int], int], str]:
    return lambda _p, _event, _a, step: f'begin({step}, "{words}");'


def _fork(name: str) -> Callable[[Program, int, list[int], int], str]:
    def write(p: Program, _event: int, _a: list[int], step: int) -> str:
        p.uses.add("fork")
        return f"DO({step}, {name}());"

    return write


_SPECIAL: dict[int, Callable[[Program, int, list[int], int], str]] = {
    ev.K_REMAP_FILE_PAGES: _remap_file_pages,
    ev.K_MINCORE: _mincore,
    ev.K_READ: _access("LOAD"),
    ev.K_WRITE: _access("STORE"),
    ev.K_EXECUTE: _access("FETCH"),
    ev.K_FAULT: _fault,
    ev.K_MAKEFILE: _make_file,
    ev.K_REOPEN: _reopen,
    ev.K_DUP: _dup,
    ev.K_CLOSE: _close,
    ev.K_SEAL: _seal,
    ev.K_PREAD: _pread,
    ev.K_PWRITE: _pwrite,
    ev.K_SET_VMA_NAME: _vma_name,
    ev.K_MBIND: _mbind,
    ev.K_SET_MEMPOLICY: _set_mempolicy,
    ev.K_PRCTL: _prctl,
    ev.K_SETRLIMIT: _setrlimit,
    ev.K_SHMAT: _shmat,
    ev.K_SHMDT: _shmdt,
    ev.K_SHMCTL: _shmctl,
    ev.K_DUMP: _nothing("areas"),
    ev.K_SNAPSHOT: _nothing("areas"),
    ev.K_PAGES: _nothing("pages"),
    ev.K_FORK_STEP: _fork("go_on_in_child"),
    ev.K_FORK_WAIT: _fork("fork_and_wait"),
}
