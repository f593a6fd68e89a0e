"""From steps to the event table.

`Builder` takes steps in order and appends events; inside a `repeat` one call appends a step's
events for all turns at once. References to other steps' results become rows of
`Trace.relocations`, because only the replay knows the address.
"""

from __future__ import annotations

import numpy as np

from ... import errorcodes as ec
from ...abi import mman as names
from ...abi.calls import Arg as Field
from ...abi.fcntl import MFD_ALLOW_SEALING
from ...abi.kinds import EVF_OBSERVE, K_FORK, K_FORK_STEP, K_INIT_MM, K_INIT_VMA, K_MAKEFILE, K_SPECIAL_FILE
from ...abi.special import SHOWN_NAMES
from .expect import check_expect, expected_result, looks
from .steps import STEPS, SYSCTL_WORDS, Step
from .table import WIDTH, EventTable
from .values import CONVERTERS, Key, Problem, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .loops import Value

BAD_FD = 777
_STEP_KEYS = ("expect", "pid", "as")
_CHILD_FLAGS = {
    "fork": 0,
    "vfork": names.CLONE_VM | names.CLONE_VFORK,
    "thread": names.CLONE_VM | names.CLONE_FILES | names.CLONE_THREAD,
}


class Builder(EventTable):
    """Collects the events of one scenario."""

    def __init__(self, page_size: int) -> None:
        super().__init__()
        self.env: dict[str, Value] = {"page": page_size}
        self.document_lines: dict[int, list[int]] = {}  # by id of a list: the line of each entry
        self.step_name = ""
        self.step = 0
        self.brk_start: int | None = None
        self.fds: dict[str, int] = {}
        self.labels: dict[str, tuple[Value, str]] = {}
        self._reference: tuple[Value, int] | None = None

    # -- what converters ask for ------------------------------------------------------------

    def knows(self, text: str) -> bool:
        """True if `text` looks like an expression over the names known here."""
        from .loops import is_expression

        return is_expression(text, self.env)

    def expression(self, text: str, field: str) -> Value:
        """The value of an expression; Problem at `field`."""
        from .loops import evaluate

        try:
            return evaluate(text, self.env)
        except Problem as p:
            if self.knows(text):
                raise Problem(p.code, p.problem, (field,), p.expected) from None
            raise Problem(
                ec.RT_VALUE, f"{field} must be a number, not '{text}'", (field,), p.expected
            ) from None

    def refer(self, name: str, addend: int, field: str) -> None:
        """Note that the argument being converted is what step `name` returned plus `addend`."""
        if name.isdecimal():
            target: tuple[Value, str] | None = self.top[int(name)] if int(name) < len(self.top) else None
        else:
            target = self.labels.get(name)
        if target is None:
            raise Problem(
                ec.RT_REFERENCE,
                f"no step '{name}' before this one",
                (field,),
                f"a step from 0 to {self.step - 1}, or the name of one (as:)"
                if self.step
                else "a step before it",
            )
        events, operation = target
        if operation == "repeat" or not STEPS[operation].returns:
            raise Problem(
                ec.RT_REFERENCE,
                f"step {name} is {operation}, which returns no address",
                (field,),
                "a step that returns an address: " + ", ".join(s for s in STEPS if STEPS[s].returns),
            )
        self._reference = (events, addend)

    def descriptor(self, name: str, field: str) -> int:
        """The descriptor number of a file id."""
        if name == "bad":
            return BAD_FD
        fd = self.fds.get(name)
        if fd is None:
            raise Problem(
                ec.RT_FILE,
                f"unknown file '{name}'",
                (field,),
                "bad, -1 or a file made before: " + did_you_mean(name, self.fds) if self.fds else "bad or -1",
            )
        return fd

    def new_descriptor(self, name: str) -> int:
        """The descriptor number for a file id, which is new or made anew."""
        fd = self.fds.get(name)
        if fd is None:
            fd = 3 + len(self.fds)
            self.fds[name] = fd = fd + (fd >= BAD_FD)
        return fd

    # -- events -------------------------------------------------------------------------------

    def add(self, entry: Any, line: int, index: int, depth: int = 0) -> None:
        """The events of one entry of `steps`. Problem with a path from the entry."""
        if not isinstance(entry, dict):
            raise Problem(ec.RT_STEP, "a step must be an operation with its arguments", (), "- read: 0x1000")
        operation = self._operation(entry)
        if depth == 0:
            self.step = index
        if operation == "repeat":
            if depth == 0:
                self.note_step(self.count, operation)
            self.repeat(entry["repeat"], line, index, depth)
            return
        step = STEPS[operation]
        self.step_name = operation
        home = self.task
        if "pid" in entry:
            self.task = self._pid(entry["pid"])
        events = self.events
        args = self.arguments(step, entry[operation])
        flags = EVF_OBSERVE if step.observe else 0
        ret = 0
        if "expect" in entry:
            fields, on = check_expect(self, step, entry["expect"])
            self.expects.append((events, index, line, fields, on))
            if not on:
                ret, more = expected_result(step, fields)
                flags |= more
            elif looks(fields) or any(looks(f) for f in on.values()):
                flags |= EVF_OBSERVE
        if step.special:
            step_kind, args = self._special(step, entry, args)
        else:
            step_kind = step.kind
        row = (step_kind, self.task, *args, *(0,) * (6 - len(args)), ret, flags)
        self.emit(row, line)
        if step_kind != K_FORK_STEP:
            self.task = home
        else:
            self.task = int(args[0])  # type: ignore[call-overload]
        if depth == 0:
            self.note_step(events, operation)  # type: ignore[arg-type]
        if "as" in entry:
            self._name(entry["as"], events, operation)

    def _operation(self, entry: dict[str, Any]) -> str:
        operations = [k for k in entry if k not in _STEP_KEYS]
        if len(operations) != 1 or (operations[0] not in STEPS and operations[0] != "repeat"):
            wrong = next((k for k in operations if k not in STEPS and k != "repeat"), "")
            if wrong:
                raise Problem(
                    ec.RT_STEP,
                    f"unknown step '{wrong}'",
                    (Key(wrong),),
                    "one of: " + did_you_mean(wrong, STEPS),
                )
            raise Problem(
                ec.RT_STEP,
                "a step must have one operation"
                + (f", not {' and '.join(operations)}" if operations else ""),
                (Key(operations[1]),) if len(operations) > 1 else (),
                "one operation with its arguments, then expect, pid, as",
            )
        return operations[0]

    def _pid(self, pid: Any) -> int:
        if type(pid) is not int or pid not in self.pids:
            known = ", ".join(str(p) for p in self.pids)
            raise Problem(ec.RT_PROCESS, f"unknown process {pid}", ("pid",), f"one made before: {known}")
        return self.pids[pid]

    def _name(self, label: Any, events: Value, operation: str) -> None:
        if type(label) is not str or not label.isidentifier():
            raise Problem(ec.RT_VALUE, "`as` must be a name", ("as",), "letters, digits and _")
        self.labels[label] = (events, operation)

    def arguments(self, step: Step, given: Any) -> list[Value]:
        """The event's arguments from the operation's value, in the order of the table."""
        if given is None:
            given = {}
        elif not isinstance(given, dict):
            if not step.scalar:
                expected = ", ".join(step.fields()) or "{}"
                raise Problem(ec.RT_FIELD, f"{step.name} needs named arguments", (step.name,), expected)
            given = {step.scalar: given}
        out: list[Value] = []
        used = 0
        for position, arg in enumerate(step.args):
            if isinstance(arg, int):
                out.append(arg)
                continue
            if arg.name in given:
                used += 1
                out.append(self._convert(step, given, arg, position))
            elif arg.default is None:
                self._refuse_unknown(step, given)
                raise Problem(
                    ec.RT_FIELD,
                    f"{step.name} needs {arg.name}",
                    (step.name,),
                    ", ".join(f.name for f in step.fields().values() if f.default is None),
                )
            else:
                out.append(arg.default)
        if used != len(given):
            self._refuse_unknown(step, given)
        return out

    def _refuse_unknown(self, step: Step, given: dict[str, Any]) -> None:
        """A name that is no field is said before one that is missing: mostly it is that one, misspelt."""
        known = step.fields()
        for wrong in given:
            if wrong not in known:
                raise Problem(
                    ec.RT_FIELD,
                    f"unknown field '{wrong}' in {step.name}",
                    (step.name, Key(wrong)),
                    ("one of: " + did_you_mean(wrong, known)) if known else "no fields",
                )

    def _convert(self, step: Step, given: dict[str, Any], arg: Field, position: int) -> Value:
        try:
            value = CONVERTERS[arg.form](self, given[arg.name], arg)
        except Problem as p:
            raise p.within(step.name) from None
        self._note_reference(position)
        return value

    def _note_reference(self, position: int) -> None:
        """Keep the reference that was just converted, if it was one, with the place of its argument."""
        if self._reference is not None:
            source, addend = self._reference
            self._reference = None
            self.relocations.append((self.events, position, source, addend))

    def referred(self, text: str, field: Field, position: int) -> int:
        """0 for a reference in argument `position`, which is noted."""
        value = CONVERTERS[field.form](self, text, field)
        self._note_reference(position)
        assert isinstance(value, int)
        return value

    # -- operations that the table alone cannot describe ---------------------------------------

    def _special(self, step: Step, entry: dict[str, Any], args: list[Value]) -> tuple[int, list[Value]]:
        given = entry[step.name] if isinstance(entry[step.name], dict) else {}
        if step.name in ("mbind", "set_mempolicy"):  # no mask is a mask of no bits
            if given.get("nodes", 0) is None:
                args[4 if step.name == "mbind" else 2] = 1
            return step.kind, args
        if step.name == "userfaultfd":  # a scenario's own number, plus 1
            return step.kind, [args[0], args[1] + 1]
        if step.name == "prctl":
            return step.kind, [args[0], *given.get("args", ())]
        if step.name == "memfd_create":
            huge = self._huge_size(args[1])
            flags = args[1] if "flags" in given and not huge else MFD_ALLOW_SEALING
            assert isinstance(flags, int)
            return K_MAKEFILE, [args[0], 0, 0, huge, self.string(given["id"]), 0 if huge else ~flags]
        if step.name == "memfd":
            return K_MAKEFILE, [*args[:3], args[3], self.string(given["id"]), 1]
        if step.kind == K_MAKEFILE:
            disk = 1 if step.name == "diskfile" else 0
            folio = given.get("folio", 1)
            if isinstance(folio, int) and folio & (folio - 1):
                raise Problem(
                    ec.RT_VALUE, "folio must be a power of two", (step.name, "folio"), "1, 2, 4 ... 512"
                )
            return K_MAKEFILE, [*args[:3], disk, self.string(given["id"]), *args[3:]]
        if step.kind == K_SPECIAL_FILE:
            shown = SHOWN_NAMES.get(args[1], "") if isinstance(args[1], int) else ""
            return K_SPECIAL_FILE, [*args[:3], self.string(shown), args[3]]
        if step.name == "brk":
            if "addr" not in given:
                if self.brk_start is None:
                    raise Problem(
                        ec.RT_FIELD,
                        "brk with an offset needs brk_start",
                        (step.name,),
                        "brk_start: at the top, or addr",
                    )
                return step.kind, [self.brk_start + args[1]]
            return step.kind, [args[0]]
        if step.name == "sysctl":
            if ("value" in given) == ("areas_plus" in given):
                raise Problem(ec.RT_FIELD, "sysctl needs value or areas_plus", (step.name,), "one of them")
            if type(given.get("value")) is str and given["value"] in names.THP_WORDS:
                known = SYSCTL_WORDS.get(given["name"], ())
                if given["value"] not in known:
                    raise Problem(
                        ec.RT_VALUE,
                        f"'{given['value']}' is no value of {given['name']}",
                        (step.name, "value"),
                        ", ".join(known) or "a number",
                    )
            plus = 1 if "areas_plus" in given else 0
            return step.kind, [args[0], args[2] if plus else args[1], plus]
        return self._child(step, given, args)

    def _huge_size(self, flags: Value) -> int:
        """log2 of the page size that flags of memfd_create ask for, 0: ordinary pages, 1 << 6 and more: unknown."""
        if not isinstance(flags, int):
            raise Problem(ec.RT_VALUE, "flags of memfd_create cannot vary", ("memfd_create", "flags"), "[]")
        if not flags & names.MFD["hugetlb"]:
            return 0
        return flags >> names.HUGE_SIZE_SHIFT & 63 or names.HUGE_DEFAULT

    def _child(self, step: Step, given: dict[str, Any], args: list[Value]) -> tuple[int, list[Value]]:
        if not isinstance(self.events, int):
            raise Problem(
                ec.RT_STEP, f"{step.name} cannot be repeated", (step.name,), "each child written out"
            )
        parent = self.task
        if "child" not in given:
            return K_FORK_STEP, [self.process(max(self.pids) + 1, parent)]
        pid = args[0]
        if not isinstance(pid, int) or not 0 < pid < 1 << 22 or pid in self.pids:
            raise Problem(
                ec.RT_PROCESS, f"child {pid} is not a new number", (step.name, "child"), "1 to 4194303"
            )
        flags = _CHILD_FLAGS[step.name]
        row = self.process(pid, parent)
        if flags & names.CLONE_THREAD:
            self.tasks[row] = (pid, self.tasks[parent][1], 0, parent)
        return K_FORK, [row, flags]

    # -- loops ----------------------------------------------------------------------------------

    def repeat(self, loop: Any, line: int, index: int, depth: int) -> None:
        """The events of a `repeat`: those of its steps, `count` times, interleaved by turn."""
        from .loops import MAX_EVENTS, shuffled
        from .repeat import read_loop, size_of

        head = read_loop(self, loop)
        rows = size_of(self, head.steps)
        turns = head.count
        outer = self.events
        total = turns * rows * np.size(outer) if not isinstance(outer, int) else turns * rows
        rounds = turns * (1 if isinstance(outer, int) else np.size(outer))
        if max(self.count + total, rounds) > MAX_EVENTS:
            raise Problem(
                ec.RT_LIMIT,
                f"repeat makes {self.count + total:,} events"
                if total
                else f"repeat has {rounds:,} turns without an event",
                ("repeat", "count"),
                f"at most {MAX_EVENTS:,}",
            )
        start = self.count if isinstance(outer, int) else outer
        if isinstance(outer, int):
            self.flat.frombytes(bytes(8 * WIDTH * total))
            self.lines.frombytes(bytes(self.lines.itemsize * total))
            self.count += total
        groups = 1 if isinstance(start, int) else start.size
        kept = self.env, self.labels
        self.env = {k: v if isinstance(v, int) else np.repeat(v, turns) for k, v in self.env.items()}
        self.labels = {
            k: (e if isinstance(e, int) else np.repeat(e, turns), o) for k, (e, o) in self.labels.items()
        }
        turn = np.arange(turns, dtype=np.int64)
        self.env[head.var] = np.tile(turn, groups)
        if head.shuffle:
            self.env[head.shuffle] = np.tile(shuffled(turns, head.seed), groups)
        first = np.repeat(np.atleast_1d(np.asarray(start, dtype=np.int64)), turns) + np.tile(
            turn * rows, groups
        )
        offset = 0
        lines = head.lines
        for i, entry in enumerate(head.steps):
            self.events = first + offset
            try:
                self.add(entry, lines[i] or line, index, depth + 1)
            except Problem as p:
                raise p.within("repeat", "steps", i) from None
            offset += size_of(self, [entry])
        self.env, self.labels = kept
        self.events = self.count if isinstance(outer, int) else outer


def begin(b: Builder, document: dict[str, Any]) -> tuple[tuple[int, int, str], ...]:
    """The events before the first step: the process, its `initial` areas, layout and break.

    Returns the initial areas as (start, end, name).
    """
    from .expect import initial_areas

    b.process(1)
    areas = initial_areas(document)
    heap = next((a for a in areas if a[2] == "[heap]"), None)
    stack = next((a for a in areas if a[2] == "[stack]"), None)
    brk = document.get("brk_start") or (heap[1] if heap else 0)
    b.brk_start = brk or None
    legacy = {"top-down": 2, "bottom-up": 1}.get(document.get("layout", ""), 0)
    base = document.get("mmap_base", 0)
    if areas or brk or base or legacy:
        b.made(K_INIT_MM, (heap[0] if heap else brk, brk, base, stack[1] - 16 if stack else 0, legacy))
    for start, end, name, perms, file, offset in areas:
        shown = name if name.startswith("[") else ""
        b.made(K_INIT_VMA, (start, end, perms, offset, b.string(file), b.string(shown)))
    # [heap] is listed where the scenario is about it: it says where the break is
    heap_name = "[heap]" if document.get("brk_start") else "(heap)"
    return tuple((a[0], a[1], heap_name if a[2] == "[heap]" else a[2]) for a in areas)
