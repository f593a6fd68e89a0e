"""Programs that a kernel answered, written down as scenarios: what such a file leaves out, and what stands for it.

Its `about` begins with "answers of Linux X". The steps are the calls that the program's own output shows, so a
file can name a descriptor that no step makes, leave out an argument that stood in a structure, or list areas that the
program had before its first step. `complete` puts there what the answers behind a gap show, and says so in notes; a
step whose arguments nothing shows is left out and not compared. Nothing here applies to other scenarios, where the
same gaps are errors.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...abi.kinds import FILE_DEVICE, FILE_REGULAR, FILE_SHMEM, FILE_UNMAPPABLE, FILE_ZERO
from ...abi.prctl import PR_SET_MM_BRK, PR_SET_MM_START_BRK, PRCTL_OPTIONS
from ...lateclasses import NamedTuple, dataclass, field
from ...patterns import pattern
from . import ANSWERS_OF
from .leftout import PAGE, areas_of, expected_of, number_of, operation_of, restore
from .shownrules import shown_rules
from .startareas import put_initial
from .steps import STEPS
from .untoldranges import CONTINUE, WRITEPROTECT, continued, writeprotects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ANSWERED = pattern(rf"^{ANSWERS_OF}(\d+\.\d+(?:\.\d+)?)\b")
_LEFT_OUT = pattern(r"calls left out: ([a-z0-9_ ,]+)")
_TOLD: tuple[tuple[str, str, Any], ...] = (
    ("ANON_VMA_NAME on", "anon_vma_name", True),
    ("ANON_VMA_NAME on", "gigantic_pages", False),  # the same build: no contiguous allocation, no 1 GiB pool
    ("processor with protection keys", "pkeys", 16),
)
"""What `about` says of the machine whose answers the file holds; `machine:` goes before."""
_MEMORY_OPTIONS = frozenset(
    (*PRCTL_OPTIONS, *PRCTL_OPTIONS.values(), *(f"PR_{w.upper()}" for w in PRCTL_OPTIONS))
)
_LIKELY_NODES = 3  # mask of those that a machine may have; a pointer in place of a mask has none of them
_PROGRAMS = 1 << 32  # bytes: below is a program that is not placed at random, with its break
_UNTOLD_MEMBER = "uffd"  # a descriptor of userfaultfd whose number the output does not show


def answered_kernel(about: str) -> str:
    """The release of the kernel whose answers a scenario holds, "" for any other scenario."""
    found = _ANSWERED.search(about)
    return found[1] if found else ""


def _version(about: str) -> tuple[int, int]:
    major, minor = answered_kernel(about).split(".")[:2]
    return int(major), int(minor)


def told_rules(about: str) -> dict[str, Any]:
    """Rules of the machine that `about` of an answered program tells."""
    return {rule: value for words, rule, value in _TOLD if words in about}


def left_out(about: str) -> frozenset[str]:
    """Names of the calls that the file says it leaves out."""
    found = _LEFT_OUT.search(about)
    return (
        frozenset(word.split()[0] for word in found[1].split(",") if word.split()) if found else frozenset()
    )


class UntoldFile(NamedTuple):
    """What is behind a descriptor that no step makes."""

    name: str
    kind: int  # FILE_* of abi.kinds
    path: str  # as shown
    writable: bool = True


@dataclass
class Completed:
    """What was put into an answered program."""

    notes: list[str] = field(default_factory=list)
    files: list[UntoldFile] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)


def complete(root: dict[str, Any], lines: list[int]) -> Completed:
    """Fill the gaps of an answered program in place; `lines` has the line of each of its steps."""
    out = Completed()
    if all(isinstance(s, dict) for s in root["steps"]) and len(lines) == len(root["steps"]):
        out.notes += restore(root["steps"], lines, left_out(str(root.get("about") or "")))
    steps = [s for s in root["steps"] if isinstance(s, dict)]
    out.rules |= shown_rules(steps)
    _machine(root, steps, out)
    _segments(steps)
    _descriptors(steps, out)
    _names(steps, out)
    _userfaultfd(steps, out)
    _untold(root, out)
    _bytes(steps, out)
    out.notes += put_initial(root, steps, _version(str(root["about"])))
    return out


# ---- looking at steps ------------------------------------------------------------------------


def _succeeds(step: dict[str, Any]) -> bool:
    return "error" not in expected_of(step)


def _lists(steps: list[dict[str, Any]], first: int = 0) -> Iterator[list[dict[str, Any]]]:
    """The lists of areas that steps from number `first` on expect."""
    for step in steps[first:]:
        areas = areas_of(step)
        if areas is not None:
            yield areas


def _shown_at(steps: list[dict[str, Any]], first: int, addr: Any) -> dict[str, Any]:
    """The area at `addr` in the first list behind step `first` that has one there."""
    for areas in _lists(steps, first):
        for area in areas:
            if area.get("start") == addr:
                return area
    return {}


# ---- what single gaps are filled with --------------------------------------------------------


def _machine(root: dict[str, Any], steps: list[dict[str, Any]], out: Completed) -> None:
    """PR_SET_MM refused with EPERM shows a process without CAP_SYS_RESOURCE; which of its options was meant is lost."""
    for step in steps:
        operation, given = operation_of(step)
        if operation != "prctl" or given.get("option") != "set_mm":
            continue
        if expected_of(step).get("error") == "EPERM":
            out.rules["cap_sys_resource"] = False
        elif _first_argument(given) == 0 and not _succeeds(step):
            _drop(step, out, "which option of PR_SET_MM was refused is not told")
    lost = [s for s in steps if _first_argument(operation_of(s)[1]) == 0 and _succeeds(s)]
    if not _has_far_heap(steps):
        for step in lost:
            _drop(step, out, "which option of PR_SET_MM is not told")
        return
    start = _breaks(lost)
    if start:
        root.setdefault("brk_start", start)
        out.notes.append(f"the break is at {start:#x} before the first step, where PR_SET_MM puts it back")


def _has_far_heap(steps: list[dict[str, Any]]) -> bool:
    """Whether a list names an area [heap] that lies where no program has its own."""
    heaps = (
        a for areas in _lists(steps) for a in areas if a.get("path") == "[heap]" or a.get("name") == "[heap]"
    )
    return any(a["start"] > _PROGRAMS for a in heaps)


def _first_argument(given: dict[str, Any]) -> int:
    """The option of a PR_SET_MM, 0: lost; -1: no PR_SET_MM."""
    args = given.get("args")
    if (
        given.get("option") != "set_mm"
        or not isinstance(args, list)
        or len(args) < 2
        or type(args[0]) is not int
    ):
        return -1
    return args[0]


def _breaks(steps: list[dict[str, Any]]) -> int:
    """PR_SET_MM_BRK or START_BRK by the address: the start of the heap may only be set up to the present break.

    Of two calls in a row with one address the first sets the start, the second the break. Returns the break of the
    program itself, to which it goes back; 0: it does not.
    """
    own = 0
    brk = _PROGRAMS
    values = [number_of({"value": operation_of(s)[1]["args"][1]}, "value") for s in steps]
    for i, step in enumerate(steps):
        start = values[i] <= brk and values[i + 1 : i + 2] == values[i : i + 1]
        operation_of(step)[1]["args"][0] = PR_SET_MM_START_BRK if start else PR_SET_MM_BRK
        brk = brk if start else values[i]
        own = values[i] if 0 < values[i] <= _PROGRAMS else own
    return own


def _segments(steps: list[dict[str, Any]]) -> None:
    """Identifiers of segments depend on what the system had before: they are numbered from 0 here."""
    known: dict[int, int] = {}
    for step in steps:
        operation, given = operation_of(step)
        result = expected_of(step).get("result")
        if operation == "shmget" and type(result) is int:
            step["expect"]["result"] = known.setdefault(result, len(known))
        elif operation in ("shmat", "shmctl") and number_of(given, "shmid") in known:
            given["shmid"] = known[number_of(given, "shmid")]


def _descriptors(steps: list[dict[str, Any]], out: Completed) -> None:
    """Files behind descriptors that no step makes: /dev/zero where a list shows it, else a file on a disk.

    ENODEV shows a file that cannot be mapped: also where the number belonged to another one before.
    """
    made: set[str] = {"bad"}
    for i, step in enumerate(steps):
        operation, given = operation_of(step)
        if not operation:
            continue
        for argument in STEPS[operation].fields().values():
            name = given.get(argument.name)
            if argument.form == "newfd" and type(name) is str:
                made.add(name)
            elif argument.form == "fd" and type(name) is str and operation == "mmap":
                if expected_of(step).get("error") == "ENODEV":
                    given[argument.name] = unmappable = f"{name}_{i}"
                    out.files.append(UntoldFile(unmappable, FILE_UNMAPPABLE, ""))
                    out.notes.append(f"{name} at step {i} is taken for a file that cannot be mapped")
                elif name not in made:
                    shown = _shown_at(steps, i, expected_of(step).get("result"))
                    path = str(shown.get("path") or "")
                    kind = _kind_shown(steps[i:], expected_of(step).get("result"), shown)
                    out.files.append(
                        UntoldFile(name, FILE_ZERO, "/dev/zero")
                        if kind == FILE_ZERO
                        else UntoldFile(name, kind, path, _is_written(steps, name))
                    )
                    out.notes.append(f"no step makes {name}: taken for {path or 'a file on a disk'}")
                    made.add(name)


def _kind_shown(steps: list[dict[str, Any]], start: Any, shown: dict[str, Any]) -> int:
    """FILE_* of the file mapped at `start`: by name, by the flags of page frames, by what userfaultfd takes (shmem)."""
    if str(shown.get("path")).startswith("/dev/zero"):
        return FILE_ZERO
    if {"pf", "io"} <= set(str(shown.get("vmflags")).split()):
        return FILE_DEVICE
    for step in steps:
        operation, given = operation_of(step)
        modes = given.get("mode")
        low, length = number_of(given, "addr"), number_of(given, "length")
        if operation != "uffdio_register" or not isinstance(modes, list) or not _succeeds(step):
            continue
        if type(start) is int and low <= start < low + length and {"missing", "minor"} & set(map(str, modes)):
            return FILE_SHMEM
    return FILE_REGULAR


def _is_written(steps: list[dict[str, Any]], name: str) -> bool:
    """Whether a file is mapped shared and writable: else it was opened to be read, as a program opens its own file."""
    for step in steps:
        operation, given = operation_of(step)
        if operation == "mmap" and given.get("fd") == name and _succeeds(step):
            flags = given.get("flags")
            shared = isinstance(flags, list) and not {"shared", "shared_validate"}.isdisjoint(map(str, flags))
            if shared and "w" in str(given.get("prot")):
                return True
        elif operation in ("ftruncate", "fallocate", "punch_hole", "pwrite") and given.get("fd") == name:
            return True
    return False


def _names(steps: list[dict[str, Any]], out: Completed) -> None:
    """A name of which only the address is known is the one that the next list shows; a refused one is not compared."""
    for i, step in enumerate(steps):
        operation, given = operation_of(step)
        name = given.get("name")
        if operation != "vma_name" or type(name) is not int or name < PAGE:
            continue
        shown = str(_shown_at(steps, i, given.get("addr")).get("name") or "")
        if _succeeds(step) and shown.startswith("[anon"):
            given["name"] = shown.partition(":")[2][:-1]
        else:
            _drop(step, out, "the bytes of the name are not told")


def _userfaultfd(steps: list[dict[str, Any]], out: Completed) -> None:
    """Descriptors, versions and ranges of ioctls that stood in structures, from registrations and later accesses."""
    registered: list[tuple[str, int, int, frozenset[str]]] = []
    made: list[str] = []
    protects = {call.at: call for call in writeprotects(steps)}
    for i, step in enumerate(steps):
        operation, given = operation_of(step)
        if operation == "uffdio_api":
            if _succeeds(step):
                made.append(str(given.get("fd")))
            elif str(given.get("fd")) not in made:
                given.setdefault("version", 1)  # known features, and the first call: the version was refused
        if not operation.startswith("uffdio_"):
            continue
        if given.get("fd") == _UNTOLD_MEMBER:
            at = given.get("dst", given.get("addr"))
            owners = [r[0] for r in registered if type(at) is int and r[1] <= at < r[2]]
            if owners or made:
                given["fd"] = (owners or made)[-1]  # outside of all registrations each of them answers alike
        fd = given.get("fd")
        if operation == "uffdio_register" and _succeeds(step):
            low, modes = number_of(given, "addr"), given.get("mode")
            shown = frozenset(map(str, modes)) if isinstance(modes, list) else frozenset()
            registered.append((str(fd), low, low + number_of(given, "length"), shown))
        if operation not in (WRITEPROTECT, CONTINUE) or "addr" in given:
            continue
        call = protects.get(i)
        if call is not None:
            pages = call.pages
        else:
            ranges = [(r[1], r[2]) for r in registered if r[0] == fd and "minor" in r[3]]
            pages = continued(steps, i, ranges) if operation == CONTINUE else set()
        stopped = expected_of(step).get("error") in (None, "EAGAIN", "EEXIST")  # done, or done in part
        if not stopped or not pages:
            _drop(step, out, "its range is not told, and no later answer depends on it")
            continue
        low, high = min(pages), max(pages) + PAGE
        given |= {"addr": low, "length": high - low}
        if call is not None:
            given["mode"] = ["wp"] if call.protects else []
        out.notes.append(f"{operation} without a range: {low:#x}-{high:#x}, as later accesses show")
        step["expect"] = {}


def _bytes(steps: list[dict[str, Any]], out: Completed) -> None:
    """A byte that is read, and that no step wrote at that offset of any page, was put there by a call left out.

    So are words of VmFlags that no machine here has (ar: page frames under PAT on x86, until 6.15).
    """
    written: set[tuple[int, int]] = set()
    filled = any("fill" in operation_of(s)[1] for s in steps)
    for step in steps:
        operation, given = operation_of(step)
        expect = expected_of(step)
        at, value = given.get("addr", step.get(operation)), expect.get("value")
        if operation == "write" and type(at) is int:
            written.add((at % PAGE, number_of(given, "value")))
        elif operation in ("uffdio_copy", "pwrite"):
            filled = True
        elif (
            operation == "read"
            and value
            and not filled
            and type(at) is int
            and (at % PAGE, value) not in written
        ):
            del expect["value"]
            out.notes.append(f"the byte read at {at:#x} is not compared: no step wrote it")
        for area in areas_of(step) or ():
            if "ar" in str(area.get("vmflags")).split():
                area["vmflags"] = " ".join(word for word in str(area["vmflags"]).split() if word != "ar")


def _untold(root: dict[str, Any], out: Completed) -> None:
    """Other steps without an argument that they need cannot be replayed."""
    for step in root["steps"]:
        if not isinstance(step, dict):
            continue
        operation, given = operation_of(step)
        if not operation or not isinstance(step.get(operation), dict) or len(given) == 0:
            continue
        error = expected_of(step).get("error")
        if operation == "prctl" and error is not None and given.get("option") not in _MEMORY_OPTIONS:
            _drop(step, out, "its option concerns no memory")
            continue
        nodes = number_of(given, "nodes")
        unreadable = (operation, error) == ("mbind", "EFAULT") and nodes > 0 and nodes & _LIKELY_NODES == 0
        if unreadable or (operation, error) in (("special_file", "EINVAL"), ("mincore", "EFAULT")):
            _drop(step, out, "the argument that was refused is not told")
            continue
        for argument in STEPS[operation].fields().values():
            if argument.default is None and argument.name not in given:
                _drop(step, out, f"{argument.name} is not told")
                break


def _drop(step: dict[str, Any], out: Completed, why: str) -> None:
    """Leave a step out: an empty one is passed over."""
    operation, _ = operation_of(step)
    out.notes.append(f"{operation} is not compared: {why}")
    step.clear()
