"""Calls that an answered program left out of its scenario, put back where an answer shows that they were made.

close: the pool of huge pages is unused, or areas lose the registration of a userfaultfd, between two lists of areas
without a call that could do it. remap_file_pages: the offset of shared memory changes in the same way. io_setup and
io_destroy: an area of aio comes and goes. process_vm_writev: memory stays charged that is not writable any more, so
it was written. See `answered`.
"""

from __future__ import annotations

from .steps import STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Steps: TypeAlias = "list[dict[str, Any]]"
_REGISTERED = frozenset(("um", "uw", "ui"))
_QUIET = frozenset(
    (
        "dump",
        "read",
        "write",
        "fork_wait",
        "hugepages",
        "close",
        "pages",
        "ftruncate",
        "memfd",
        "memfd_create",
    )
)
"""Steps that change no area."""
_UNREGISTERING = frozenset(("munmap", "mmap", "mremap", "uffdio_unregister", "shmat", "shmdt", "brk", "fork"))
PAGE = 4096
_AIO = "/[aio] (deleted)"
_EVENT = 32  # bytes of one event in a ring


def restore(steps: Steps, lines: list[int], names: frozenset[str]) -> list[str]:
    """Insert the calls into `steps`, in place and with a line in `lines`; what was put there, in words.

    `names` are the calls that the file itself says it leaves out.
    """
    notes = _remaps(steps, lines) + _pool_closes(steps, lines) + _registration_closes(steps, lines)
    if "io_setup" in names:
        notes += _aio(steps, lines)
    if "process_vm_writev" in names:
        notes += _written(steps, lines)
    return notes


def operation_of(step: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The operation of a step and its arguments by name; "" for none."""
    for key, value in step.items():
        if key in STEPS:
            return key, value if isinstance(value, dict) else {}
    return "", {}


def expected_of(step: dict[str, Any]) -> dict[str, Any]:
    """The answers that a step expects."""
    expect = step.get("expect")
    return expect if isinstance(expect, dict) else {}


def number_of(given: dict[str, Any], name: str) -> int:
    """The argument `name` where it is a plain number, else 0."""
    value = given.get(name)
    return value if type(value) is int else 0


def areas_of(step: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The list of areas that a step expects; None: it lists none, or one with flaws."""
    vmas = expected_of(step).get("vmas")
    if not isinstance(vmas, list) or any(not isinstance(a, dict) for a in vmas):
        return None
    return vmas if all(type(a.get(k)) is int for a in vmas for k in ("start", "end")) else None


def _uses(step: dict[str, Any], name: str) -> bool:
    operation, given = operation_of(step)
    if not operation:
        return False
    fields = STEPS[operation].fields().values()
    return any(f.form in ("fd", "newfd") and given.get(f.name) == name for f in fields)


def _insert(steps: Steps, lines: list[int], at: int, step: dict[str, Any]) -> None:
    steps.insert(at, step)
    lines.insert(at, lines[at] if at < len(lines) else 0)


# ---- close ---------------------------------------------------------------------------------


def _is_huge(given: dict[str, Any]) -> bool:
    flags = given.get("flags")
    return bool(given.get("hugetlb")) or "hugetlb" in (map(str, flags) if isinstance(flags, list) else ())


def _pool_closes(steps: Steps, lines: list[int]) -> list[str]:
    """An unused pool holds no page of a file: the files of huge pages before it are closed, or empty."""
    notes: list[str] = []
    open_files: list[str] = []
    at = 0
    while at < len(steps):
        operation, given = operation_of(steps[at])
        expect = expected_of(steps[at])
        if operation in ("memfd", "memfd_create") and _is_huge(given) and "error" not in expect:
            name = str(given.get("id"))
            if name in open_files and not any(operation_of(s)[0] == "close" for s in steps[:at]):
                # made anew under the same name: both stay open until the pool shows otherwise
                _rename(steps, at, name, f"{name}_{at}")
                name = f"{name}_{at}"
            open_files.append(name)
        elif operation == "close":
            open_files = [f for f in open_files if not _uses(steps[at], f)]
        elif (
            operation == "hugepages"
            and expect.get("reserved") == 0
            and expect.get("free") == expect.get("total")
        ):
            gone = [f for f in open_files if not any(_uses(s, f) for s in steps[at:])]
            for name in gone:
                _insert(steps, lines, at, {"close": {"fd": name}})
                notes.append(f"{name} is closed before line {lines[at]}: the pool is unused there")
                at += 1
            open_files = [f for f in open_files if f not in gone]
        at += 1
    return notes


def _rename(steps: Steps, first: int, old: str, new: str) -> None:
    """Give the descriptor that step `first` makes another name, there and behind."""
    for step in steps[first:]:
        operation, given = operation_of(step)
        for field in STEPS[operation].fields().values() if operation else ():
            if field.form in ("fd", "newfd") and given.get(field.name) == old:
                given[field.name] = new


def _registration_closes(steps: Steps, lines: list[int]) -> list[str]:
    """A registration that a list does not show any more, and that no call took away, went with its descriptor."""
    notes: list[str] = []
    registered: list[tuple[str, int, int]] = []
    at = 0
    while at < len(steps):
        operation, given = operation_of(steps[at])
        low = number_of(given, "addr")
        high = low + number_of(given, "length")
        areas = areas_of(steps[at])
        if operation == "uffdio_register" and "error" not in expected_of(steps[at]):
            registered.append((str(given.get("fd")), low, high))
        elif operation in _UNREGISTERING:
            low, high = _changed(operation, given)
            registered = [r for r in registered if r[2] <= low or high <= r[1]]
        for name in _lost(areas or [], registered):
            if not any(_uses(s, name) for s in steps[at:]):
                _insert(steps, lines, at, {"close": {"fd": name}})
                notes.append(f"{name} is closed before line {lines[at]}: registrations end there")
                registered = [r for r in registered if r[0] != name]
                at += 1
        at += 1
    return notes


def _changed(operation: str, given: dict[str, Any]) -> tuple[int, int]:
    """Start and end of what a call may have taken registrations from; a move is taken to change everything."""
    if operation == "mremap":
        return 0, 1 << 64
    low = number_of(given, "addr")
    return low, low + -(-number_of(given, "length") // PAGE) * PAGE


def _flags(area: dict[str, Any]) -> frozenset[str]:
    return frozenset(str(area.get("vmflags") or "").split()) & _REGISTERED


def _lost(areas: list[dict[str, Any]], registered: list[tuple[str, int, int]]) -> list[str]:
    """Descriptors of which a list shows areas, and none that is registered."""
    owners: dict[str, bool] = {}
    for area in areas:
        for owner, low, high in registered if "vmflags" in area else ():
            if low < area["end"] and area["start"] < high:
                owners[owner] = owners.get(owner, True) and not _flags(area)
    return [name for name, lost in owners.items() if lost]


# ---- remap_file_pages ------------------------------------------------------------------------


def _remaps(steps: Steps, lines: list[int]) -> list[str]:
    """Shared memory whose offset changes between two lists, while nothing else is called, was remapped."""
    notes: list[str] = []
    before: list[dict[str, Any]] | None = None
    at = 0
    while at < len(steps):
        operation, _ = operation_of(steps[at])
        areas = areas_of(steps[at])
        if operation not in _QUIET:
            before = _mapped(steps[at]) if operation == "mmap" else None
        elif areas is not None:
            for addr, size, offset in _moved(before or [], areas):
                given = {"addr": addr, "size": size, "prot": "none", "pgoff": offset // PAGE}
                _insert(steps, lines, at, {"remap_file_pages": given})
                notes.append(
                    f"remap_file_pages before line {lines[at]}, which lists another offset at {addr:#x}"
                )
                at += 1
            before = areas
        at += 1
    return notes


def _mapped(step: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The area that a shared mapping of whole pages makes, without what its file is called; None: another call."""
    given = operation_of(step)[1]
    start, flags = expected_of(step).get("result"), given.get("flags")
    if type(start) is not int or not isinstance(flags, list) or "shared" not in map(str, flags):
        return None
    return [{"start": start, "end": start + number_of(given, "length"), "offset": number_of(given, "offset")}]


def _moved(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[tuple[int, int, int]]:
    """Address, size and new offset (bytes) of parts of shared areas that lie elsewhere in their object."""
    out = []
    for area in after:
        for old in before:
            if old["start"] <= area["start"] and area["end"] <= old["end"]:
                told = [k for k in ("perms", "path") if k in old]
                same = all(old[k] == area.get(k) for k in told) and "s" in str(area.get("perms"))
                offset = number_of(area, "offset")
                if same and offset != number_of(old, "offset") + area["start"] - old["start"]:
                    out.append((area["start"], area["end"] - area["start"], offset))
    return out


# ---- aio -----------------------------------------------------------------------------------


def _aio(steps: Steps, lines: list[int]) -> list[str]:
    """io_setup before a list with a ring of aio that no list had before, io_destroy before one where it is gone."""
    notes: list[str] = []
    rings: dict[int, int] = {}  # length in bytes, by address
    at = 0
    while at < len(steps):
        areas = areas_of(steps[at])
        if areas:
            shown = {a["start"]: a["end"] - a["start"] for a in areas if a.get("path") == _AIO}
            for start in sorted(shown.keys() - rings.keys(), reverse=True):  # placed from the top
                _insert(steps, lines, at, {"io_setup": {"events": _events(shown[start])}})
                notes.append(f"io_setup before line {lines[at]}, which lists its ring")
                rings[start] = shown[start]
                at += 1
            gone = [r for r in rings if r not in shown and areas[0]["start"] <= r + _NEAR]
            for start in gone:
                if not _unmapped(steps[:at], start):
                    _insert(steps, lines, at, {"io_destroy": {"ctx": start}})
                    notes.append(f"io_destroy before line {lines[at]}, where its ring is gone")
                    at += 1
                del rings[start]
        at += 1
    return notes


def _events(length: int) -> int:
    """A number of events whose ring is `length` bytes long (fs/aio.c aio_setup_ring)."""
    return max(1, (length // _EVENT - 2) // 2 - 1)


def _unmapped(steps: Steps, addr: int) -> bool:
    """Whether the last step that changes areas at `addr` takes them away."""
    for step in reversed(steps):
        operation, given = operation_of(step)
        low = number_of(given, "addr")
        if operation in ("munmap", "mmap") and low <= addr < low + number_of(given, "length"):
            return operation == "munmap" and "error" not in expected_of(step)
    return False


# ---- process_vm_writev ---------------------------------------------------------------------


def _written(steps: Steps, lines: list[int]) -> list[str]:
    """Private memory that lost its right to write stays charged (ac) only where the area has an anon_vma."""
    notes: list[str] = []
    at = 0
    while at < len(steps):
        for area in areas_of(steps[at]) or ():
            perms, flags = str(area.get("perms")), str(area.get("vmflags")).split()
            if "ac" not in flags or "w" in perms or not perms.endswith("p"):
                continue
            change = _last(steps, at, "mprotect", area["start"])
            made = _last(steps, at, "mmap", area["start"])
            if change > made >= 0 and not any(_touches(s, steps[made]) for s in steps[made:change]):
                where = operation_of(steps[made])[1]["addr"]
                _insert(steps, lines, change, {"process_vm_writev": {"addr": where, "length": 1}})
                notes.append(f"process_vm_writev before line {lines[change]}: line {lines[at + 1]} shows it")
                at += 1
        at += 1
    return notes


def _last(steps: Steps, before: int, name: str, addr: int) -> int:
    """The last step `name` in front of step `before` whose range holds `addr`, -1: none."""
    for i in range(before - 1, -1, -1):
        operation, given = operation_of(steps[i])
        start, length = given.get("addr"), given.get("length")
        if (
            operation == name
            and type(start) is int
            and type(length) is int
            and start <= addr < start + length
        ):
            return i
    return -1


def _touches(step: dict[str, Any], mapping: dict[str, Any]) -> bool:
    """Whether a step writes into the range of the step `mapping`."""
    operation, given = operation_of(step)
    where = operation_of(mapping)[1]
    if operation not in ("write", "process_vm_writev"):
        return False
    return 0 <= number_of(given, "addr") - number_of(where, "addr") < number_of(where, "length")


_NEAR = 1 << 30
"""Bytes above a ring within which a list that is about that part of the address space begins."""
