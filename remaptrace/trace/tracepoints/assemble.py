"""What the tracepoints of a kernel trace say together: records in, `Trace` out.

Records (see `kernelrecords`) come from the readers of ftrace and perf text. This module pairs entries
with returns and lays down one event a call at the position of its return, page faults and signals at
their own; `lives` follows tasks through fork, exec and exit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.vmanames import pointer_string
from ...counting import counted
from ..eventblocks import narrow
from ..events import COLUMNS, IntArray, Trace
from ..unborn import REASON, Union, by_areas, orphans
from .compat import leave_out_32_bit, read_32_bit
from .lives import Lives
from .plan import (
    BEHIND_POINTERS,
    CONSTANTS,
    EXEC_CALLS,
    EXIT_CALLS,
    FORK_CALLS,
    HARMLESS,
    NOT_TOLD,
    REFINED,
    UNMODELLED,
    CallNames,
    plan_tables,
)
from .records import (
    OP_ENTER,
    OP_EXIT,
    OP_FAULT,
    OP_LOST,
    OP_SIGNAL,
    R_A0,
    R_A1,
    R_CALL,
    R_LINE,
    R_OP,
    R_TID,
    R_TIME,
    KernelText,
    Records,
)

Column = npt.NDArray[np.int64]


def assemble(
    text: KernelText,
    *,
    name: str,
    fmt: str,
    source: int = 0,
    page_size: int = 4096,
    threads_of: int | None = None,
) -> Trace:
    """The trace of a text's records. Never fails: what does not fit together is left out and noted.

    Tasks whose birth and thread group the text does not show are processes of their own unless their areas prove
    that they are not; `threads_of`: they all belong to this process, 0: to the first one.
    """
    read_32_bit(text)
    leave_out_32_bit(text)
    trace = _assembled(text, name, fmt, source, page_size, {}, threads_of)
    if threads_of is not None or len(alone := orphans(trace)) < 2:
        return trace
    union = Union()
    if by_areas(trace, union, set(alone)):
        groups = {tid: union.root(tid) for tid in alone if union.root(tid) != tid}
        trace = _assembled(text, name, fmt, source, page_size, groups, None)
        trace.notes.append(
            f"{counted(len(groups), 'thread')} whose birth is not in the log, of processes of other ids: {REASON}"
        )
    _note_namesakes(trace)
    return trace


def _note_namesakes(trace: Trace) -> None:
    """A word about processes whose birth the log does not show and that have one name: nothing tells them apart."""
    roots = trace.tasks[(trace.tasks["parent"] < 0) & (trace.tasks["name"] > 0)]
    names, counts = np.unique(roots["name"], return_counts=True)
    if (counts > 1).any():
        order = [i for i in np.argsort(-counts, kind="stable").tolist() if counts[i] > 1]
        listed = ", ".join(f"{counts[i]} {trace.strings[names[i]]}" for i in order[:5])
        trace.notes.append(
            f"tasks of one name whose births are not in the log are taken for processes ({listed}"
            f"{', ...' if len(order) > 5 else ''}): they may be threads of one (--one-process or --threads-of PID)"
        )


def _assembled(
    text: KernelText,
    name: str,
    fmt: str,
    source: int,
    page_size: int,
    groups: dict[int, int],
    threads_of: int | None,
) -> Trace:
    records = text.records
    notes = list(text.notes)
    tids, first_seen = _dense_tids(records)
    order = np.argsort(tids, kind="stable")
    lives = Lives(text, tids, first_seen, groups, threads_of)
    lives.follow()
    rows = lives.rows_of_records()
    picked = _Picked(records, order, tids, text.calls, page_size, text.untold_returns)
    columns = _join(picked, lives, rows, records)
    if not text.has_times:
        del columns["time"]
    if not text.has_times or not columns["other_end"].any():
        del columns["other_end"]
    columns["source"] = np.full(len(columns["kind"]), source, dtype=np.int32)
    strings, tasks = lives.tables(rows)
    _name_pointers(columns, strings)
    notes += lives.notes
    if picked.stray_returns:
        stray = picked.stray_returns
        words = "return has" if stray == 1 else "returns have"
        notes.append(f"{stray} {words} no entry in the trace and {'was' if stray == 1 else 'were'} left out")
    if picked.never_returned:
        lost = picked.never_returned
        words = (
            "call never returns in the trace and was"
            if lost == 1
            else "calls never return in the trace and were"
        )
        alone = "" if (records[R_OP] == OP_EXIT).any() else ": it has entries alone (record sys_exit_* too)"
        notes.append(f"{lost} {words} left out{alone}")
    for call, count in sorted(picked.unmodelled.items()):
        if call in BEHIND_POINTERS:
            notes.append(f"{count} x {call}: the trace has a pointer where its arguments are; not modelled")
    return Trace(
        columns,
        tasks,
        strings,
        sources=[name],
        format=fmt,
        name=name,
        arch=text.arch,
        kernel=text.kernel,
        skipped=text.skipped,
        unmodelled=picked.unmodelled,
        ignored=picked.ignored,
        notes=notes,
    )


def _name_pointers(columns: dict[str, IntArray], strings: list[str]) -> None:
    """Give the addresses of names (PR_SET_VMA_ANON_NAME) strings of their own."""
    here = np.flatnonzero(columns["kind"] == ev.K_SET_VMA_NAME)
    if len(here) == 0:
        return
    known: dict[str, int] = {"": 0}
    column = columns["a2"].astype(np.int64)
    for event in here.tolist():
        text = pointer_string(int(column[event]), int(columns["ret"][event]))
        if text not in known:
            known[text] = len(strings)
            strings.append(text)
        column[event] = known[text]
    columns["a2"] = narrow(column)


def _dense_tids(records: Records) -> tuple[npt.NDArray[np.int32], Column]:
    """Small numbers for the thread ids, and the first record of each."""
    tid = records[R_TID]
    if len(tid) == 0:
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
    low, high = int(tid.min()), int(tid.max())
    if high - low > 1 << 23:  # beyond any pid_max: a damaged log
        _, first, dense = np.unique(tid, return_index=True, return_inverse=True)
        return dense.astype(np.int32), first.astype(np.int64)
    first_of = np.full(high - low + 1, -1, dtype=np.int64)
    first_of[tid[::-1] - low] = np.arange(len(tid) - 1, -1, -1, dtype=np.int64)
    used = np.flatnonzero(first_of >= 0)
    numbers = np.zeros(high - low + 1, dtype=np.int16 if len(used) < 32768 else np.int32)
    numbers[used] = np.arange(len(used))
    return numbers[tid - low], first_of[used]


_NO_EFFECT_IF_FAILED = (ev.K_OPEN, ev.K_DUP, ev.K_MEMFD, ev.K_SEAL, ev.K_SETFD, ev.K_USERFAULTFD, ev.K_PIDFD)
"""Descriptor calls that leave nothing to replay when they fail; they are no events."""


class _Picked:
    """The events that are one record, or one entry with its return: position, kind, arguments, result, and when
    each call began (0: not told)."""

    def __init__(
        self,
        records: Records,
        order: Column,
        tids: npt.NDArray[np.integer],
        calls: CallNames,
        page_size: int,
        untold: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        ops = records[R_OP]
        kinds, sources, int32, scale = plan_tables(calls, page_size)
        sorted_ops = ops[order]
        sorted_tids = tids[order]
        in_call = (sorted_ops == OP_ENTER) | (sorted_ops == OP_EXIT)
        chain = order[in_call]
        entry, leave = self._pairs(records, chain, sorted_tids[in_call])
        understood = np.zeros(len(kinds), dtype=bool)
        understood[calls.these((*FORK_CALLS, *EXEC_CALLS, *EXIT_CALLS))] = True
        plain = ~understood[records[R_CALL, leave]]
        entry, leave = entry[plain], leave[plain]
        chain_ops = ops[chain]
        chain_calls = records[R_CALL, chain]
        planned = kinds[chain_calls] != 0
        pairs = int(np.count_nonzero(kinds[records[R_CALL, leave]]))
        self.stray_returns = int(np.count_nonzero(planned & (chain_ops == OP_EXIT))) - pairs
        self.never_returned = int(np.count_nonzero(planned & (chain_ops == OP_ENTER))) - pairs
        self.unmodelled: dict[str, int] = {}
        self.ignored: dict[str, int] = {}
        entered = chain_ops == OP_ENTER
        self._count_others(records, chain[entered], kinds, calls)

        call = records[R_CALL, leave]
        self._refine(records, entry, call, calls)
        kind = kinds[call]
        failed = records[R_A0, leave] < 0
        known = (kind != 0) & ~(failed & np.isin(kind, _NO_EFFECT_IF_FAILED))
        entry, leave, call, kind = entry[known], leave[known], call[known], kind[known]
        faults = np.flatnonzero(ops == OP_FAULT)
        signals = np.flatnonzero(ops == OP_SIGNAL)
        position = np.concatenate((leave, faults, signals))
        place = np.argsort(position, kind="stable")
        self.position = position[place]
        self.kind = np.concatenate(
            (kind, np.full(len(faults), ev.K_FAULT), np.full(len(signals), ev.K_SIGNAL))
        )[place]
        told = (records[R_TIME, entry] > 0) & (records[R_TIME, leave] > 0)
        if untold is not None:
            told &= ~untold[leave]
        begun = np.where(told, records[R_TIME, entry], 0)
        self.begun = np.concatenate((begun, np.zeros(len(faults) + len(signals), np.int64)))[place]
        self.ret = np.concatenate((records[R_A0, leave], np.zeros(len(faults) + len(signals), np.int64)))[
            place
        ]
        self.flags = np.concatenate(
            (np.full(len(leave), ev.EVF_HAS_RET), np.zeros(len(faults) + len(signals), np.int64))
        )[place]
        behind = self._signal_addresses(records, order, sorted_ops, sorted_tids)
        self.args: list[Column] = []
        registers = _with_constants(records, entry)
        for i in range(6):
            source = sources[call, i]
            values = registers(source)
            narrow = int32[call, i] == 1
            if narrow.any():
                values = np.where(narrow, (values << 32) >> 32, values)
            values = values * scale[call, i]
            fault_values = records[R_A0 + i, faults] if i < 3 else np.zeros(len(faults), np.int64)
            signal_values = (records[R_A0, signals], records[R_A1, signals], behind)[i] if i < 3 else None
            if signal_values is None:
                signal_values = np.zeros(len(signals), np.int64)
            self.args.append(np.concatenate((values, fault_values, signal_values))[place])

    @staticmethod
    def _pairs(records: Records, chain: Column, tids: npt.NDArray[np.integer]) -> tuple[Column, Column]:
        """Entries and returns that belong together: neighbours in one task, same call, nothing lost."""
        ops, calls = records[R_OP, chain], records[R_CALL, chain]
        fits = (
            (tids[1:] == tids[:-1])
            & (ops[1:] == OP_EXIT)
            & (ops[:-1] == OP_ENTER)
            & (calls[1:] == calls[:-1])
        )
        lost = records[R_OP] == OP_LOST
        if lost.any():
            epoch = np.cumsum(lost)[chain]
            fits &= epoch[1:] == epoch[:-1]
        return chain[:-1][fits], chain[1:][fits]

    def _count_others(self, records: Records, entry: Column, kinds: Column, calls: CallNames) -> None:
        """Count the calls without an event: those that change memory, and the others."""
        call = records[R_CALL, entry]
        self._refine(records, entry, call, calls)
        for number, count in enumerate(np.bincount(call, minlength=len(kinds)).tolist()):
            name = calls.names[number]
            if not count or kinds[number] or name in HARMLESS:
                continue
            named = name in UNMODELLED or name.startswith("syscall_") or name.endswith(NOT_TOLD)
            counts = self.unmodelled if named else self.ignored
            counts[name] = count

    @staticmethod
    def _refine(records: Records, entry: Column, call: Column, calls: CallNames) -> None:
        """Rewrite `call` where a call means what its command register says."""
        for name, register, command, mask, plan in REFINED:
            here = np.flatnonzero(call == calls.number(name))
            if len(here):
                chosen = (records[R_A0 + register, entry[here]] & mask) == command
                call[here[chosen]] = calls.number(plan)

    @staticmethod
    def _signal_addresses(
        records: Records, order: Column, ops: Column, tids: npt.NDArray[np.integer]
    ) -> Column:
        """For each signal in text order the address of the fault right before it in its task, else 0."""
        at = np.flatnonzero(ops == OP_SIGNAL)
        before = np.maximum(at - 1, 0)
        number, code = records[R_A0, order[at]], records[R_A1, order[at]]
        memory = ((number == 11) | (number == 7)) & (code > 0) & (code < 0x80)
        faulted = memory & (at > 0) & (ops[before] == OP_FAULT) & (tids[before] == tids[at])
        address = np.where(faulted, records[R_A0, order[before]], 0)
        in_text_order: Column = address[np.argsort(order[at], kind="stable")]
        return in_text_order


def _with_constants(records: Records, entry: Column) -> Callable[[Column], Column]:
    """A function from sources (register or constant, one an event) to the values there."""
    flat = records[R_A0 : R_A0 + 6].reshape(-1)
    count = records.shape[1]
    constants = np.array(CONSTANTS, dtype=np.int64)

    def registers(source: Column) -> Column:
        is_register = source < 6
        values: Column = flat[np.where(is_register, source, 0) * count + entry]
        if not is_register.all():
            values = np.where(is_register, values, constants[np.maximum(source - 6, 0)])
        return values

    return registers


def _join(
    picked: _Picked, lives: Lives, rows: npt.NDArray[np.int32], records: Records
) -> dict[str, IntArray]:
    """One table of the picked events and of those that `Lives` found, in order of their positions."""
    found = lives.events
    extra = np.array([e.row() for e in found], dtype=np.int64).reshape(len(found), len(COLUMNS))
    columns: dict[str, Column] = {
        "kind": picked.kind,
        "task": rows[picked.position].astype(np.int64),
        **{f"a{i}": picked.args[i] for i in range(6)},
        "ret": picked.ret,
        "flags": picked.flags,
        "line": records[R_LINE, picked.position],
        "time": records[R_TIME, picked.position],
        "other_end": picked.begun,
    }
    if found:
        at = np.array([e.record for e in found], dtype=np.int64)
        key = np.array([e.key for e in found], dtype=np.int64)
        place = np.argsort(np.concatenate((picked.position * 2 + 1, key)), kind="stable")
        for i, name in enumerate(COLUMNS):
            columns[name] = np.concatenate((columns[name], extra[:, i]))[place]
        columns["line"] = np.concatenate((columns["line"], records[R_LINE, at]))[place]
        columns["time"] = np.concatenate((columns["time"], records[R_TIME, at]))[place]
        columns["other_end"] = np.concatenate((columns["other_end"], np.zeros(len(at), np.int64)))[place]
    return {name: narrow(column) for name, column in columns.items()}
