"""The facts of `advise` on a map alone (remaptrace/advise-map/1), and of two maps (remaptrace/advise-growth/1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...advice.bill import Item
from ...advice.dumped import DumpBill, grown, new_areas, same_process
from ...advice.neighbours import NOTHING
from ...advice.toldfailure import told_failure
from ...counting import counted, number

if TYPE_CHECKING:
    from ...result.result import VmaRow
    from ...trace.dumps.dump import Dump
    from ..documents.advise import AdviseGrowth, AdviseMap, FaultFacts, MapItem, NamedArea, ToldFailureFacts
    from ..documents.diff import Grown

SCHEMA: Final = "remaptrace/advise-map/1"
SCHEMA_GROWTH: Final = "remaptrace/advise-growth/1"
_WORTH = 0.05
_HOW = {
    "permissions": "/proc/PID/maps",
    "offsets": "/proc/PID/maps",
    "which areas are shared": "/proc/PID/maps",
    "names of areas": "/proc/PID/maps",
    "accounting": "/proc/PID/smaps, VmFlags",
    "advice flags": "/proc/PID/smaps, VmFlags",
    "policy of NUMA": "/proc/PID/numa_maps",
    "areas without access, which look like free ranges": "/proc/PID/maps",
    "read-only mappings of files": "/proc/PID/maps, or a core file of the kernel",
    "which areas are without access": "/proc/PID/maps, or a core file of the kernel",
}


def dump_facts(bill: DumpBill, limit: int, limit_of: str) -> AdviseMap:
    """Everything that a report on one map says. `limit`: vm.max_map_count; `limit_of`: who says so."""
    dump, shape = bill.dump, bill.shape
    count = max(bill.total, dump.counted)
    facts: AdviseMap = {
        "schema": SCHEMA,
        "source": dump.path,
        "form": dump.form,
        "process": {"pid": dump.pid, "name": dump.program},
        "total": bill.total,
        "counted": dump.counted if dump.counted >= 0 else None,
        "complete": dump.complete,
        "limit": {"limit": limit, "of": limit_of, "left": limit - count, "met": count >= limit - 5},
        "bill": {view: [_item(item) for item in items] for view, items in bill.views.items()},
        "apart": _told(dict(shape.apart), bool(dump.flags)) if shape else None,
        "borders": {k: {"pairs": n, "alone": a} for k, (n, a) in shape.borders.items()} if shape else None,
        "holes": [{"size": s, "count": n, "bytes": b} for s, n, b in shape.holes] if shape else None,
        "guards": {"areas": shape.guards, "left": shape.left_with_guards} if shape else None,
        "untouched": {"areas": bill.untouched[0], "bytes": bill.untouched[1]} if bill.untouched else None,
        "fault": _fault(bill),
        "failure": _failure(dump, limit),
        "not_shown": [{"what": what, "see": _HOW.get(what)} for what in dump.missing],
        "notes": list(dump.notes),
        "sentences": [],
    }
    facts["sentences"] = _sentences(facts, count)
    return facts


def _item(item: Item) -> MapItem:
    return {"label": item.label, "vmas": item.vmas, "bytes": item.bytes}


def _told(apart: dict[str, int], flags: bool) -> dict[str, int]:
    """Borders that nothing visible makes are made by what the dump does not show."""
    hidden = apart.pop(NOTHING, 0)
    if hidden:
        words = "anon_vma, policy or open file" if flags else "accounting, advice, anon_vma or open file"
        apart[f"not shown here ({words})"] = hidden
    return dict(sorted(apart.items(), key=lambda kv: -kv[1]))


def _fault(bill: DumpBill) -> FaultFacts | None:
    """The address that ended the program, and the areas next to it."""
    address = bill.dump.fault
    if address < 0:
        return None
    inside = next((v for v in bill.vmas if v.start <= address < v.end), None)
    below = next((v for v in reversed(bill.vmas) if v.end <= address), None)
    above = next((v for v in bill.vmas if v.start > address), None)
    return {"address": address, "inside": _named(inside), "below": _named(below), "above": _named(above)}


def _failure(dump: Dump, limit: int) -> ToldFailureFacts | None:
    """What the dump itself says was refused."""
    told = told_failure(dump, limit)
    if told is None:
        return None
    return {
        "line": told.line,
        "what": told.what,
        "bytes": told.bytes if told.bytes >= 0 else None,
        "errno": told.errno or None,
        "sure": told.sure,
        "causes": list(told.causes),
        "ruled_out": list(told.ruled_out),
    }


def _failure_sentences(failure: ToldFailureFacts) -> list[str]:
    """``Line 3: mmap of the JVM for 12 KiB was refused``, why, and what it was not."""
    size = f" for {size_words(failure['bytes'])}" if failure["bytes"] is not None else ""
    errno = f" with {failure['errno']}" if failure["errno"] else ""
    begin = f"Line {number(failure['line'])}: {failure['what']}{size} was refused{errno}"
    if failure["sure"]:
        out = [f"{begin}: {failure['causes'][0]}."]
    else:
        out = [f"{begin}; possible, the likeliest first: {'; '.join(failure['causes'])}."]
    if failure["ruled_out"]:
        out.append(f"By the file itself it was not {', nor '.join(failure['ruled_out'])}.")
    return out


def _named(vma: VmaRow | None) -> NamedArea | None:
    if vma is None:
        return None
    return {"start": vma.start, "end": vma.end, "perms": vma.perms, "name": vma.name or vma.file or ""}


def share_of(count: int, total: int) -> str:
    """``Most of the 12 mappings``; ``The only mapping``, ``Both mappings`` and ``All 12 mappings`` where it is all."""
    if count == total:
        return {1: "The only mapping", 2: "Both mappings"}.get(total, f"All {number(total)} mappings")
    return f"{share_words(count, total)} the {number(total)} mappings"


def share_words(count: int, total: int) -> str:
    """``Most of`` for more than half, ``Half of``, ``Nearly half of`` from 45 % on, or ``The largest share of``."""
    if total and count * 2 >= total:
        return "Most of" if count * 2 > total else "Half of"
    return "Nearly half of" if total and count >= 0.45 * total else "The largest share of"


def is_lower_bound(facts: AdviseMap) -> bool:
    """Whether there may be more areas than the file shows, and it does not count them itself."""
    return not facts["complete"] and facts["counted"] is None


def _sentences(facts: AdviseMap, count: int) -> list[str]:
    limit, total = facts["limit"], facts["total"]
    out = []
    size = f"vm.max_map_count ({number(limit['limit'])}, {limit['of']})"
    if facts["counted"] is not None and facts["counted"] != total:
        out.append(
            f"The file itself counts {counted(facts['counted'], 'mapping')} and shows {number(total)}: "
            "the bill is of those shown."
        )
    if limit["met"]:
        out.append(f"{size} is met: the next mapping, or a split, fails with ENOMEM.")
    else:
        most = "At most " if is_lower_bound(facts) else ""
        out.append(f"{most}{number(limit['left'])} more mappings fit below {size}.")
    if facts["failure"]:
        out = _failure_sentences(facts["failure"]) + out
    patterns = facts["bill"]["pattern"]
    if patterns:
        top = patterns[0]
        out.append(f"{share_of(top['vmas'], total)}: {top['label']}, {number(top['vmas'])}.")
    guards = facts["guards"]
    if guards and guards["areas"]:
        saved = total - guards["left"]
        verb = "would leave" if saved else "would save nothing:"
        out.append(
            f"{counted(guards['areas'], 'page range')} without access "
            f"{'is' if guards['areas'] == 1 else 'are'} guard-sized; guard regions "
            f"(MADV_GUARD_INSTALL, Linux 6.13) {verb} {counted(guards['left'], 'mapping')} at best."
        )
    holes = facts["holes"]
    between = sum(h["count"] for h in holes) if holes else 0
    if between and between >= _WORTH * total:
        given = "memory given back with munmap in the middle"
        if not facts["complete"]:
            given = f"areas that the file leaves out, or {given}"
        out.append(
            f"{counted(between, 'hole')} {'lies' if between == 1 else 'lie'} between areas that are alike but for it: "
            f"{given}. MADV_DONTNEED or MADV_FREE gives the pages back and keeps one mapping."
        )
    if not facts["complete"]:
        out.append(f"A {facts['form']} like this one may leave areas out: every count is at least that.")
    out.append(
        "Which calls made them is in no map: record the program (`remaptrace record`, or strace -f) and "
        "run `advise` on that."
    )
    return out


def growth_facts(old: DumpBill, new: DumpBill, seconds: float | None = None) -> AdviseGrowth:
    """What grew from `old` to `new`; `seconds` between them, None: not known."""
    views: dict[str, list[Grown]] = {
        view: [
            {
                "label": g.label,
                "before": g.before,
                "after": g.after,
                "bytes_before": g.bytes_before,
                "bytes_after": g.bytes_after,
            }
            for g in grown(old, new, view)
        ]
        for view in new.views
    }
    added = new_areas(old, new)
    same = same_process(old.vmas, new.vmas)
    rate = None
    if seconds:
        rate = round((new.total - old.total) / seconds, 3)
    facts: AdviseGrowth = {
        "schema": SCHEMA_GROWTH,
        "sources": [old.dump.path, new.dump.path],
        "before": old.total,
        "after": new.total,
        "same_process": same,
        "seconds": seconds,
        "per_second": rate,
        "grown": views,
        "new": [{"label": label, "bytes": size, "vmas": n} for label, size, n in added] if same else None,
        "sentences": [],
    }
    facts["sentences"] = _growth_sentences(facts)
    return facts


def _growth_sentences(facts: AdviseGrowth) -> list[str]:
    more = facts["after"] - facts["before"]
    out = []
    if not more:
        out.append("Neither more nor fewer mappings.")
    else:
        word = "more" if more > 0 else "fewer"
        out.append(
            f"{counted(abs(more), f'{word} mapping')}: {number(facts['before'])} became {number(facts['after'])}."
        )
    risen = [g for g in facts["grown"]["pattern"] if g["after"] > g["before"]]
    if risen:
        top = risen[0]
        out.append(f"What grew most: {top['label']}, {number(top['before'])} to {number(top['after'])}.")
    if not facts["same_process"]:
        out.append(
            "No file lies at the same address in both: these are two processes, so areas are matched by what "
            "they are for, not by place."
        )
    elif facts["new"]:
        most = facts["new"][0]
        out.append(
            f"{number(sum(n['vmas'] for n in facts['new']))} areas lie where nothing was before; the commonest: "
            f"{number(most['vmas'])} of {size_words(most['bytes'])}, {most['label']}."
        )
    if facts["per_second"] is not None and more:
        out.append(f"That is {facts['per_second']:g} mappings a second over {facts['seconds']:g} s.")
    return out


def size_words(size: int) -> str:
    """Bytes in the largest unit that divides them."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size % unit == 0 and size:
            return f"{number(size // unit)} {name}"
    return f"{number(size)} bytes"
