"""What execve mapped, from the program headers of the program and its interpreter.

Where they lie is not in the headers: a fixed program (ET_EXEC) lies at its own addresses; any other is found by
the loader's own mprotect of its RELRO part, whose length and distance the headers give. A file that does not
fit the log this way is another build of it, or the log lacks calls; it is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...defaults import DEFAULT_KERNEL
from ...lateclasses import dataclass
from ...machine.arch import eras_of, load_arch
from ...machine.archwords import A_STACK_TOP
from ...machine.load import load_kernel
from .elf import Files, Headers
from .loader import Start

PAGE = 4096
STACK_TOP, STACK_PAGES = 0x7FFFFFFFF000, 33
_BRK_REACH = 1 << 30
"""Bytes between the end of .bss and the first break at most (arch_randomize_brk of 64-bit programs)."""

_VDSO = {8: (4, 2, 2), 6: (4, 0, 2), 5: (3, 0, 2), 4: (2, 0, 2)}
"""Pages of [vvar], [vvar_vclock] and [vdso] by those that lie between the interpreter and what was mapped next:
6.13 on, 5.6 on, before; arm64. Where nothing tells: the first."""

_NEAR = 64
"""Pages between the interpreter and what was mapped next up to which [vvar] and [vdso] are what lies there."""

_R, _RW, _RX = 1, 3, 5

Row = tuple[int, ...]
"""Arguments of K_INIT_VMA: start, end, permissions, offset, file, name."""


@dataclass(frozen=True)
class Placed:
    """Areas behind an exec: those that headers prove, those that are assumed beside them, and a note.

    `unplaced`: the place of the program itself is assumed, though its areas are not.
    """

    known: list[Row]
    assumed: list[Row]
    base: int  # where top-down placement begins, 0: not known
    note: str
    unplaced: bool = False


def exec_areas(path: str, start: Start, files: Files, string: Callable[[str], int]) -> Placed | str:
    """The areas behind the exec of `path`, or why its headers are of no use; empty if there are none."""
    program, where = files.find(path)
    if program is None:
        return ""
    others = {} if files.are_kept(path) else _of_other_builds(start, files)
    strangers = _other_system(others)
    if strangers:
        return f"{path}: {strangers}; the files of this machine were not used"
    unplaced = not program.fixed and not program.relro_pages(PAGE)[1]
    if unplaced and not (program.interpreter and start.brk):
        return (
            f"{path}: {where} has no part that its loader makes read-only, by which its place could be told"
        )
    other = f"{path}: {where} {_NO_FIT}"
    base = _below_the_heap(program, start) if unplaced else _program_base(program, start)
    if base is None:
        return other
    rows, end = _rows(program, base, string(path)), stack_top(files.arch)
    if not program.interpreter:
        low = start.first if start.first > 1 << 32 or not program.fixed else 0
        proved = program.relro[1] and start.relros
        names = f"{path} ({where}{'' if proved else ', which nothing in the log proves to be the same file'})"
        stack = stack_area(string, end, program.exec_stack)
        special = special_areas(low + 8 * PAGE, low, string) if low else unplaced_special(string, end)
        return Placed(rows, [*special, stack], special[-1][1] if low else 0, _note(names))
    interpreter, its = files.find(program.interpreter)
    if interpreter is None:
        return f"{path}: its interpreter {program.interpreter} is not at hand"
    at = _interpreter_base(interpreter, start, rows)
    if at is None:
        return f"{path}: {its} {_NO_FIT}"
    low = at + (interpreter.loads[0].vaddr & -PAGE)
    if between := _no_vdso_below(start, low):
        return f"{path}: {its} does not fit the log: {between}; it was not used"
    mine, loader = rows, _rows(interpreter, at, string(program.interpreter))
    rows = loader if unplaced else [*mine, *loader]
    top = loader[-1][1]
    if unplaced:
        where += ", which nothing in the log proves to be the same file, and whose place is assumed"
    assumed = [
        *(mine if unplaced else ()),
        *special_areas(low, mapped_below(start, low), string, end),
        stack_area(string, end, program.exec_stack),
    ]
    names = f"{path} ({where}) and of {program.interpreter} ({its})"
    return Placed(rows, assumed, top, _note(names, others), unplaced)


def _no_vdso_below(start: Start, low: int) -> str:
    """That what lies between an interpreter at `low` and what was mapped next is no vdso; empty if it may be one."""
    apart = (low - mapped_below(start, low)) // PAGE
    if 0 < apart < _NEAR and apart not in _VDSO:
        return f"{apart} pages lie between it and what was mapped next, which no vdso takes"
    return ""


_NO_FIT = "does not fit the log (another build, or a log that lacks calls of its loader); it was not used"

_OF_THE_LOADER = ("libc.so", "libc-2.", "libm.so", "libdl.so", "libpthread.so", "libc.musl", "ld-musl")
"""Libraries that are built and come with the interpreter."""


def _of_other_builds(start: Start, files: Files) -> dict[str, str]:
    """Libraries of the log that are others here, and how that shows.

    A loader maps a library whole first, so that the length of its first mapping tells it from other builds; most
    loaders ask for the size of the file before.
    """
    found = {}
    for library, length in start.files.items():
        headers, _ = files.find(library)
        if headers is None or not headers.loads or files.are_kept(library):
            continue
        span, told = headers.span(PAGE), (length + PAGE - 1) & -PAGE
        size = start.sizes.get(library, headers.size)
        if span != told:
            found[library] = f"the log maps {told:,} bytes of {library}, which needs {span:,} here"
        elif size != headers.size:
            found[library] = f"{library} of the log has {size:,} bytes, that of this machine {headers.size:,}"
    return found


def _other_system(others: dict[str, str]) -> str:
    """That the libraries of this machine that come with its interpreter are others than the log's; empty if not."""
    for library, how in others.items():
        if library.rpartition("/")[2].startswith(_OF_THE_LOADER):
            return how
    return ""


def _note(names: str, others: Iterable[str] = ()) -> str:
    """What the areas rest on, and which libraries say that the machine is not quite the one that recorded."""
    text = f"areas behind the exec told from the program headers of {names}; [vdso] and [stack] are assumed"
    builds = ", ".join(library.rpartition("/")[2] for library in others)
    return f"{text}; {builds} of this machine is of another build than the log's" if builds else text


def _up(value: int) -> int:
    return (value + PAGE - 1) & -PAGE


def _rows(headers: Headers, base: int, file: int) -> list[Row]:
    return [
        (low, high, prot, offset, file if stored else 0, 0)
        for low, high, prot, offset, stored in headers.areas(base, PAGE)
    ]


def _end(headers: Headers, base: int) -> int:
    return max(high for _, high, *_ in headers.areas(base, PAGE))


def _program_base(headers: Headers, start: Start) -> int | None:
    """The load address of the program; None if its headers and the log do not fit."""
    for base in [0] if headers.fixed else _bases(headers, start):
        end = _end(headers, base)
        if start.brk and (headers.fixed or headers.interpreter) and not 0 <= start.brk - end <= _BRK_REACH:
            continue
        if any(not start.is_free(low, high) for low, high, *_ in headers.areas(base, PAGE) if headers.fixed):
            continue
        if headers.fixed and headers.relro[1] and not _shows_relro(headers, start):
            continue
        return base
    return None


def _below_the_heap(headers: Headers, start: Start) -> int | None:
    """The highest load address that the first break allows of a program without RELRO.

    None if a mapping of the log lies there, or if its program had a part that was made read-only.
    """
    if any(high <= start.brk for _, high in start.relros):
        return None
    base = (start.brk - _end(headers, 0)) & -PAGE
    free = base > 0 and all(start.is_free(low, high) for low, high, *_ in headers.areas(base, PAGE))
    return base if free else None


def _shows_relro(headers: Headers, start: Start) -> bool:
    """Whether the log shows the RELRO part of a fixed program being made read-only, or no mprotect at all."""
    at, length = headers.relro_pages(PAGE)
    return not length or not start.relros or (at, at + length) in start.relros


def _bases(headers: Headers, start: Start) -> list[int]:
    """Load addresses at which the loader's mprotect of RELRO would be one that the log shows."""
    at, length = headers.relro_pages(PAGE)
    if not headers.relro[1] or length <= 0:
        return []
    found = [low - at for low, high in start.relros if high - low == length and low >= at]
    return [b for b in found if all(start.is_free(low, high) for low, high, *_ in headers.areas(b, PAGE))]


def _interpreter_base(headers: Headers, start: Start, program: list[Row]) -> int | None:
    """The load address of the interpreter: the highest that fits, for it is what exec maps first of the two."""
    taken = [(row[0], row[1]) for row in program]
    fits = [
        base
        for base in _bases(headers, start)
        if not any(low < b and a < high for low, high, *_ in headers.areas(base, PAGE) for a, b in taken)
    ]
    return max(fits, default=None)


_USUAL = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib/ld-musl-x86_64.so.1",
)
"""Interpreters that a program at hand to nobody may have had."""


def usual_interpreter(
    start: Start, program: list[Row], files: Files, string: Callable[[str], int]
) -> list[Row]:
    """The areas of an interpreter that is at hand and fits the log, of a program that is not; empty if none does."""
    if _other_system(_of_other_builds(start, files)):
        return []
    for path in _USUAL:
        headers, _ = files.find(path)
        base = _interpreter_base(headers, start, program) if headers is not None else None
        if headers is None or base is None or base < 1 << 32:
            continue
        if not _no_vdso_below(start, base + (headers.loads[0].vaddr & -PAGE)):
            return _rows(headers, base, string(path))
    return []


def mapped_below(start: Start, low: int) -> int:
    """Where the highest mapping of the log below `low` ends."""
    return _up(max((high for _, high in start.mapped if high <= low), default=0))


def special_areas(high: int, low: int, string: Callable[[str], int], top: int = STACK_TOP) -> list[Row]:
    """[vvar], [vvar_vclock] and [vdso] below `high`; `low` is where the next mapping below them ends, 0 unknown.

    Where these two leave no room for them they lie elsewhere.
    """
    vvar, vclock, vdso = _VDSO.get((high - low) // PAGE, _VDSO[8])
    at = high - (vvar + vclock + vdso) * PAGE
    if at < low:
        return unplaced_special(string, top)
    rows: list[Row] = []
    for pages, perms, name in ((vvar, _R, "[vvar]"), (vclock, _R, "[vvar_vclock]"), (vdso, _RX, "[vdso]")):
        if pages:
            rows.append((at, at + pages * PAGE, perms, 0, 0, string(name)))
        at += pages * PAGE
    return rows


def unplaced_special(string: Callable[[str], int], top: int = STACK_TOP) -> list[Row]:
    """The same where nothing tells their place: a little below the stack."""
    return special_areas(top - (STACK_PAGES + (1 << 18)) * PAGE, 0, string)


def stack_top(arch: str | None) -> int:
    """Where user space ends on `arch` (as a kernel of today has it), at most `STACK_TOP`; None: x86-64."""
    if arch is None or "modern" not in eras_of(arch):
        return STACK_TOP
    return min(STACK_TOP, int(load_arch(arch, load_kernel(DEFAULT_KERNEL)).words[A_STACK_TOP]))


def stack_area(string: Callable[[str], int], top: int = STACK_TOP, executable: bool = False) -> Row:
    """[stack] as exec leaves it, below `top`, the highest place it can have: its own is random."""
    return (top - STACK_PAGES * PAGE, top, _RW | _RX if executable else _RW, 0, 0, string("[stack]"))
