"""What a crash report says was refused, and which limits its own map and numbers leave as causes."""

from __future__ import annotations

from ..lateclasses import dataclass
from ..trace.dumps.dump import Dump
from .refusedcall import size_words

_SPLITS = 2
"""Areas that one call may add (a split in the middle): so near to its limit a map may have met it (mm/mmap.c)."""


@dataclass(frozen=True)
class ToldFailure:
    """A refusal that a dump tells of. `causes`: one if `sure`, else the possible ones, the likeliest first.

    `ruled_out`: what the dump itself shows that it was not, in words; `bytes`: asked for, -1: not said.
    """

    line: int
    what: str
    bytes: int
    errno: str
    sure: bool
    causes: tuple[str, ...]
    ruled_out: tuple[str, ...] = ()


def told_failure(dump: Dump, limit: int) -> ToldFailure | None:
    """What `dump` tells of a refusal; None if it tells of none. `limit`: vm.max_map_count."""
    failed = dump.failed
    if failed is None:
        return None
    if failed.own:
        return ToldFailure(failed.line, failed.what, failed.bytes, failed.errno, True, (failed.own,))
    count = max(len(dump.rows), dump.counted)
    exact = dump.complete or dump.counted >= 0
    causes: list[str] = []
    ruled_out: list[str] = []
    if count >= limit - _SPLITS:
        return ToldFailure(
            failed.line,
            failed.what,
            failed.bytes,
            failed.errno,
            True,
            (f"vm.max_map_count: {count:,} areas of {limit:,} were there",),
        )
    if exact:
        ruled_out.append(f"vm.max_map_count ({count:,} areas of {limit:,})")
    else:
        causes.append(f"vm.max_map_count, if the file leaves out {limit - count:,} areas")
    _by_size(dump, failed.bytes, causes, ruled_out)
    return ToldFailure(
        failed.line,
        failed.what,
        failed.bytes,
        failed.errno,
        len(causes) == 1 and exact,
        tuple(causes),
        tuple(ruled_out),
    )


def _by_size(dump: Dump, asked: int, causes: list[str], ruled_out: list[str]) -> None:
    """RLIMIT_AS, RLIMIT_DATA and the commit limit, by what the file prints of them."""
    mapped = sum(row.end - row.start for row in dump.rows)
    least = "" if dump.complete else "at least "
    size = dump.limits.get("AS")
    first: list[str] = []
    if size is None:
        causes.append(f"RLIMIT_AS (ulimit -v): {least}{size_words(mapped)} were mapped")
    elif size < 0:
        ruled_out.append("RLIMIT_AS (none was set)")
    elif mapped + max(asked, 0) > size:
        first.append(f"RLIMIT_AS ({size_words(size)}): {least}{size_words(mapped)} were mapped")
    elif dump.complete and asked >= 0:
        ruled_out.append(f"RLIMIT_AS ({size_words(size)}, {size_words(mapped)} were mapped)")
    else:
        causes.append(f"RLIMIT_AS ({size_words(size)}): {least}{size_words(mapped)} were mapped")
    data = dump.limits.get("DATA")
    if data is None or data >= 0:
        causes.append("RLIMIT_DATA (ulimit -d)" + (f": {size_words(data)}" if data is not None else ""))
    else:
        ruled_out.append("RLIMIT_DATA (none was set)")
    allowed, used = dump.limits.get("CommitLimit"), dump.limits.get("Committed_AS")
    commit = "the commit limit (vm.overcommit_memory)"
    if allowed is not None and used is not None and asked >= 0:
        words = f"{size_words(used)} committed of {size_words(allowed)}"
        if used + asked > allowed:
            causes.insert(0, f"{commit}: {words}, if it is 2")
        else:
            total = dump.limits.get("MemTotal", -1)
            if 0 <= asked < total:
                ruled_out.append(f"the commit limit ({words} when it was written)")
            else:
                causes.append(f"{commit}, if it is 0: more than the machine has at once")
    else:
        causes.append(commit)
    causes[:0] = first
    causes.append("the kernel was short of memory itself")
