"""Writes a trace as a scenario in canonical form, which reads back as the same events.

Only what steps can say: a trace with other events (opens, execs, recorded signals) is refused with
RT221, never thinned out. Loops come out expanded. The recorded results of a recording become
expectations, its page faults become accesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...abi import kinds as ev
from ...abi import mman as names
from ...abi import vmanames
from ...abi.calls import Arg as Field
from ...abi.errnos import ERRNO_NAMES, ERRNO_NOT_SHOWN
from ...abi.kinds import K_SYSCTL
from ...abi.prctl import PRCTL_OPTIONS
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET, E_TASK
from ...abi.signals import PF_FETCH, PF_WRITE
from ...abi.special import SPECIAL_KINDS
from ...abi.vmflags import PERMS_TOLD
from ...errors import InputError
from ..events import Expectation, Trace
from .build import BAD_FD
from .expect import INITIAL_PERMS
from .steps import STEPS, SYSCTLS, Step

_HEX = frozenset(
    {"addr", "new_addr", "sp", "start", "end", "brk_start", "mmap_base", "free_area_cache", "first_free_top"}
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_RESERVED = frozenset({"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"})
_BY_KIND = {step.kind: step for step in STEPS.values() if not step.special}
_NUMA = {ev.K_MBIND: "mbind", ev.K_SET_MEMPOLICY: "set_mempolicy"}
_CHILDREN = {0: "fork", 0x4100: "vfork", 0x10500: "thread"}
_CALLS = 64  # kinds below it are system calls whose results can be expected
_U64 = (1 << 64) - 1


def write_yaml(trace: Trace) -> Iterator[str]:
    """The lines of the scenario, each with its newline. InputError RT221 if it cannot be one."""
    writer = _Writer(trace)
    steps = list(writer.steps())  # refuse before the first line is out
    yield from writer.head()
    yield "steps:" + ("\n" if steps else " []\n")
    yield from steps
    yield from writer.tail()


def flow(value: Any, key: str = "") -> str:
    """A value in flow form; numbers of addresses in hexadecimal."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return hex(value) if value >= 0 and (key in _HEX or value >= 1 << 24) else str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(str(k))}: {flow(v, str(k))}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    return text(str(value))


def text(word: str) -> str:
    """A string as YAML: plain if it is a word, else quoted."""
    if _WORD.match(word) and word not in _RESERVED:
        return word
    if word.isprintable():
        return "'" + word.replace("'", "''") + "'"
    return '"' + "".join(_escaped(c) for c in word) + '"'


def _escaped(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    if c.isprintable():
        return c
    code = ord(c)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


class _Writer:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows = trace.rows(0, len(trace)).tolist()
        self.ids: dict[int, str] = {}
        self.current = 0
        self.first = self._prelude()
        self.expects: dict[int, Expectation] = {e.event: e for e in trace.expects}
        self.refs: dict[tuple[int, int], tuple[int, int]] = {}
        if trace.relocations is not None:
            self.refs = {
                (int(r["event"]), int(r["arg"])): (int(r["source"]), int(r["addend"]))
                for r in trace.relocations
            }
        for event, _ in self.refs:
            if event < self.first:
                raise self.refuse(event, "refers to a step")

    def _prelude(self) -> int:
        """The number of events that the head of a scenario stands for."""
        made = (ev.K_INIT_MM, ev.K_INIT_VMA, ev.K_MAKEFILE)
        first = 0
        while first < len(self.rows) and self.rows[first][0] in made and self.rows[first][9] & ev.EVF_MADE:
            first += 1
        return first

    def refuse(self, event: int, why: str) -> InputError:
        from ..wording import event_text, not_expressible

        return not_expressible(
            self.trace,
            event,
            f"event {event} {why}: {event_text(self.trace, event)}",
            "a trace of calls, accesses and forks; JSON Lines and column files hold every trace",
        )

    # -- head and tail ------------------------------------------------------------------------

    def head(self) -> Iterator[str]:
        t = self.trace
        yield f"name: {text(t.name)}\n"
        if t.about:
            yield f"about: {text(t.about)}\n"
        if t.arch:
            yield f"arch: {text(t.arch)}\n"
        machine: dict[str, Any] = {"kernel": t.kernel} if t.kernel else {}
        machine |= {k: v for k, v in t.machine.items() if k in ("host", "ram", "swap")}
        rules = {k: v for k, v in t.machine.items() if k not in ("host", "ram", "swap")}
        if rules:
            machine["set"] = rules
        if machine:
            yield f"machine: {flow(machine)}\n"
        yield from self._initial()
        files = [row for row in self.rows[: self.first] if row[E_KIND] == ev.K_MAKEFILE]
        if files:
            yield "files:\n"
        for row in files:
            yield f"- {flow(self._file(row))}\n"

    def _initial(self) -> Iterator[str]:
        for event, row in enumerate(self.rows[: self.first]):
            if row[E_KIND] == ev.K_INIT_MM:
                yield from self._layout(event, row)
        areas = [row for row in self.rows[: self.first] if row[E_KIND] == ev.K_INIT_VMA]
        for event, row in enumerate(self.rows[: self.first]):
            if row[E_KIND] == ev.K_INIT_VMA and row[E_ARGS + 2] & PERMS_TOLD:
                raise self.refuse(event, "tells flags of an area that was there before")
        if areas:
            yield "initial:\n"
        for row, known in zip(areas, (*self.trace.initial, *[None] * len(areas)), strict=False):
            perms = (
                "".join(c if row[E_ARGS + 2] >> i & 1 else "-" for i, c in enumerate("rwx"))
                + "ps"[row[E_ARGS + 2] >> 3 & 1]
            )
            name = (
                known[2].replace("(heap)", "[heap]")
                if known
                else self.trace.strings[row[E_ARGS + 5] or row[E_ARGS + 4]]
            )
            area = {"start": row[E_ARGS] & _U64, "end": row[E_ARGS + 1] & _U64, "name": name}
            if perms != INITIAL_PERMS.get(name, "rw-p"):
                area["perms"] = perms
            if self.trace.strings[row[E_ARGS + 4]] != (name if name and not name.startswith("[") else ""):
                area["file"] = self.trace.strings[row[E_ARGS + 4]]
            if row[E_ARGS + 3]:
                area["offset"] = row[E_ARGS + 3]
            yield f"- {flow(area)}\n"

    def _layout(self, event: int, row: list[int]) -> Iterator[str]:
        if event:
            raise self.refuse(event, "comes after another start")
        if row[E_ARGS + 1] and not any(name == "(heap)" for _, _, name in self.trace.initial):
            yield f"brk_start: {row[E_ARGS + 1]:#x}\n"
        if row[E_ARGS + 2]:
            yield f"mmap_base: {row[E_ARGS + 2]:#x}\n"
        if row[E_ARGS + 4]:
            yield f"layout: {('', 'bottom-up', 'top-down')[row[E_ARGS + 4]]}\n"

    def tail(self) -> Iterator[str]:
        final = self.expects.get(-1)
        if final is None:
            return
        if final.on:
            yield "vmas:\n"
            lists = {p: f["vmas"] for p, f in final.on.items()}
            if final.fields:
                lists["default"] = final.fields["vmas"]
            for pattern, areas in lists.items():
                yield from _areas(text(pattern), areas, "  ")
        else:
            yield from _areas("vmas", final.fields["vmas"], "")

    # -- steps --------------------------------------------------------------------------------

    def steps(self) -> Iterator[str]:
        for row in self.rows[: self.first]:
            if row[E_KIND] == ev.K_MAKEFILE:
                self._file(row)
        for event in range(self.first, len(self.rows)):
            row = self.rows[event]
            task = row[E_TASK]
            step, args = self._step(event, row)
            yield f"- {step.name}: {args}\n"
            yield from self._expect(event, step, row)
            if task != self.current:
                yield f"  pid: {int(self.trace.tasks[task]['tid'])}\n"
            if row[E_KIND] == ev.K_FORK_STEP:
                self.current = row[E_ARGS]

    def _step(self, event: int, row: list[int]) -> tuple[Step, str]:
        """The operation and its arguments in flow form."""
        kind = row[E_KIND]
        if kind == ev.K_SPECIAL_FILE:
            return STEPS["special_file"], self._special_file(row)
        if kind == ev.K_MAKEFILE and row[E_ARGS + 5] < 0:
            name = self.ids[row[E_ARGS]] = self.trace.strings[row[E_ARGS + 4]]
            return STEPS["memfd_create"], flow(
                {"id": name, "flags": names.flag_words(~row[E_ARGS + 5], names.MFD)}
            )
        if kind == ev.K_MAKEFILE:
            step = STEPS["diskfile" if row[E_ARGS + 3] == 1 else "memfd"]
            file = self._file(row)
            file.pop("disk", None)
            return step, flow({"fill": False, **file} if not file.get("fill") else file)
        if kind in (ev.K_FORK, ev.K_FORK_STEP):
            return self._child(event, row)
        if kind == ev.K_FAULT:
            name = "exec" if row[E_ARGS + 1] & PF_FETCH else "write" if row[E_ARGS + 1] & PF_WRITE else "read"
            return STEPS[name], hex(row[E_ARGS] & _U64)
        if kind == K_SYSCTL:
            return STEPS["sysctl"], flow(self._sysctl(event, row))
        if kind == ev.K_BRK:
            return STEPS["brk"], f"{{addr: {self._address(event, 0, row[E_ARGS])}}}"
        if kind == ev.K_PRCTL:
            return STEPS["prctl"], flow(self._prctl(event, row))
        if kind == ev.K_USERFAULTFD:
            flags = flow(names.flag_words(row[E_ARGS] & _U64, names.UFFD))
            return STEPS[
                "userfaultfd"
            ], f"{{flags: {flags}, id: {self._descriptor(row[E_ARGS + 1] - 1, made=True)}}}"
        step = _BY_KIND.get(kind)  # type: ignore[assignment]
        if kind == ev.K_FALLOCATE:
            step = STEPS["punch_hole" if row[E_ARGS + 1] == 3 else "fallocate"]
        elif kind == ev.K_PROCESS_VM:
            step = STEPS["process_vm_writev" if row[E_ARGS + 2] else "process_vm_readv"]
        elif kind in _NUMA:
            step = STEPS[_NUMA[kind]]
        if step is None:
            raise self.refuse(event, "has no step")
        return step, self._arguments(event, step, row)

    def _arguments(self, event: int, step: Step, row: list[int]) -> str:
        shown: list[tuple[str, str]] = []
        for position, arg in enumerate(step.args):
            value = row[E_ARGS + position]
            if isinstance(arg, Field):
                word = self._argument(event, position, arg, value)
                optional = (
                    step.name in ("read", "write", "exec", "reclaim", "writeback") and value == arg.default
                )
                if not optional:
                    shown.append((arg.name, word))
            elif value != arg:
                raise self.refuse(event, "has no step")
        if any(row[E_ARGS + len(step.args) : E_RET]):
            raise self.refuse(event, "has more arguments than its step")
        if len(shown) == 1 and shown[0][0] == step.scalar:
            return shown[0][1]
        return "{" + ", ".join(f"{name}: {word}" for name, word in shown) + "}"

    def _argument(self, event: int, position: int, field: Field, value: int) -> str:
        unsigned = value & _U64
        if field.form == "addr":
            return self._address(event, position, value)
        if field.form == "prot":
            return str(names.prot_word(unsigned))
        if field.form == "flags" and field.words is not None:
            words = (
                names.map_words(unsigned)
                if field.words is names.MAP
                else names.flag_words(unsigned, field.words)
            )
            return flow(words)
        if field.form == "mode" and field.words is not None:
            return flow(names.mode_words(unsigned, field.words))
        if field.form == "name" and field.words is not None:
            known = {number: name for name, number in field.words.items()}
            return text(known[value]) if value in known else str(unsigned)
        if field.form in ("fd", "newfd"):
            return self._descriptor(value, made=field.form == "newfd")
        if field.form == "vmaname":
            name = self.trace.strings[value]
            if name.startswith(vmanames.POINTER) or name == vmanames.UNREADABLE:
                return "1"
            return text(name.removeprefix(vmanames.PREFIX)) if name else "null"
        if field.form == "text":
            return text(self.trace.strings[value])
        if field.form == "limit" and value == -1:
            return "unlimited"
        if field.form == "int" and value < 0 and field.name in ("value", "pages"):
            return str(value)
        return flow(unsigned)

    def _prctl(self, event: int, row: list[int]) -> dict[str, Any]:
        """The option and its arguments up to the last that is not 0."""
        known = {number: name for name, number in PRCTL_OPTIONS.items()}
        if row[E_ARGS] not in known:
            raise self.refuse(event, "has no step")
        args = [value & _U64 for value in row[E_ARGS + 1 : E_ARGS + 5]]
        while args and not args[-1]:
            args.pop()
        return {"option": known[row[E_ARGS]], "args": args}

    def _address(self, event: int, position: int, value: int) -> str:
        source = self.refs.get((event, position))
        if source is None:
            return hex(value & _U64)
        step, addend = source[0] - self.first, source[1]
        return f"'@{step}" + (f"{'+' if addend > 0 else '-'}{abs(addend):#x}" if addend else "") + "'"

    def _descriptor(self, fd: int, *, made: bool = False) -> str:
        if made:
            self.ids.setdefault(fd, f"f{fd}")
        if fd in self.ids:
            return self.ids[fd]
        return "bad" if fd == BAD_FD else str(fd)

    def _special_file(self, row: list[int]) -> str:
        name = next(word for word, number in SPECIAL_KINDS.items() if number == row[E_ARGS + 1])
        self.ids[row[E_ARGS]] = f"f{row[E_ARGS]}"
        out = {"id": self.ids[row[E_ARGS]], "kind": name, "pages": row[E_ARGS + 2] & _U64}
        return flow(out | {"entries": row[E_ARGS + 4]} if row[E_ARGS + 4] else out)

    def _file(self, row: list[int]) -> dict[str, Any]:
        name = self.trace.strings[row[E_ARGS + 4]]
        self.ids[row[E_ARGS]] = name
        out: dict[str, Any] = {"id": name, "pages": row[E_ARGS + 1] & _U64}
        out["fill"] = bool(row[E_ARGS + 2])
        if row[E_ARGS + 3] == 1:
            out["disk"] = True
        elif row[E_ARGS + 3] == names.HUGE_DEFAULT:
            out["hugetlb"] = True
        elif row[E_ARGS + 3]:
            out["hugetlb"] = 1 << (row[E_ARGS + 3] & 63)
        if row[E_ARGS + 5] > 1:
            out["folio"] = row[E_ARGS + 5]
        return out

    def _child(self, event: int, row: list[int]) -> tuple[Step, str]:
        if row[E_KIND] == ev.K_FORK_STEP:
            return STEPS["fork"], "{}"
        name = _CHILDREN.get(row[E_ARGS + 1])
        if name is None:
            raise self.refuse(event, "is a clone that no step makes")
        return STEPS[name], flow({"child": int(self.trace.tasks[row[E_ARGS]]["tid"])})

    def _sysctl(self, event: int, row: list[int]) -> dict[str, Any]:
        from ...machine.rules import RULES

        known = {RULES[rule].index: name for name, rule in SYSCTLS.items()}
        if row[E_ARGS] not in known:
            raise self.refuse(event, "sets a rule that is no sysctl")
        return {"name": known[row[E_ARGS]], ("areas_plus" if row[E_ARGS + 2] else "value"): row[E_ARGS + 1]}

    def _expect(self, event: int, step: Step, row: list[int]) -> Iterator[str]:
        known = self.expects.get(event)
        fields: dict[str, Any] = {}
        on: dict[str, Any] = {}
        if known is not None:
            fields, on = known.fields, known.on
        elif row[E_FLAGS] & ev.EVF_HAS_RET and row[E_KIND] < _CALLS and "result" in step.answers:
            ret = row[E_RET]
            if ret != -ERRNO_NOT_SHOWN:
                fields = {"error": ERRNO_NAMES[-ret]} if -ret in ERRNO_NAMES else {"result": ret & _U64}
        if known is None and not fields:
            return
        if "vmas" in fields and not on:
            yield "  expect:\n"
            for key, value in fields.items():
                if key != "vmas":
                    address = step.returns and key == "result" and isinstance(value, int)
                    yield f"    {key}: {hex(value) if address else flow(value, key)}\n"
            yield from _areas("vmas", fields["vmas"], "    ")
            return
        if step.returns and isinstance(fields.get("result"), int):
            yield (
                "  expect: {result: "
                + hex(fields["result"])
                + "".join(
                    f", {k}: {flow(v, k)}"
                    for k, v in ({**fields, **({"on": on} if on else {})}).items()
                    if k != "result"
                )
                + "}\n"
            )
            return
        yield f"  expect: {flow({**fields, **({'on': on} if on else {})})}\n"


def _areas(key: str, areas: list[dict[str, Any]], indent: str) -> Iterator[str]:
    yield f"{indent}{key}:" + ("\n" if areas else " []\n")
    for area in areas:
        yield f"{indent}- {flow(area)}\n"
