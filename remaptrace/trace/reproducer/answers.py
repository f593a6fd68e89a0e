"""What a step should answer, as the C that compares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...abi import kinds as ev
from ...abi.mman import MAP_FIXED, MAP_FIXED_NOREPLACE, MREMAP_FIXED
from ...abi.rows import E_ARGS, E_KIND
from ...abi.signals import SIGCODES
from . import constants as c
from .calls import NotPortable

if TYPE_CHECKING:
    from .program import Program

_SIGNALS = ("SIGSEGV", "SIGBUS")
_AREA_FIELDS = frozenset({"start", "end", "perms", "offset", "file", "name", "path", "vmflags"})
_SIMULATED = frozenset({"access", "file_pages", "pkey", "pages"})
_AT_ADDRESS = MAP_FIXED | MAP_FIXED_NOREPLACE
_PLACES = (ev.K_MMAP, ev.K_MREMAP, ev.K_BRK, ev.K_SHMAT)


def comparisons(p: Program, event: int, row: list[int], fields: dict[str, Any], step: int) -> list[str]:
    """Statements that compare `fields` with what step number `step` returned. Raises NotPortable."""
    out: list[str] = []
    for name, value in fields.items():
        out += _comparison(p, event, row, name, value, step, fields)
    return out


def _comparison(
    p: Program, event: int, row: list[int], name: str, value: Any, step: int, fields: dict[str, Any]
) -> list[str]:
    kind = row[E_KIND]
    if name == "result":
        return _result(p, event, row, value, step)
    if name == "error":
        return [f"want_error({step}, {value});"]
    if name in ("minor_faults", "major_faults"):
        if kind not in (*ev.ACCESSES, *ev.MEMORY_CALLS):
            raise NotPortable(f"expects {name}, which is not measured of such a step")
        return [f"want_{name.removesuffix('_faults')}({value});"]
    if name == "outcome":
        if value == "ok":
            return [f"want_ok({step});"]
        if value not in _SIGNALS:
            raise NotPortable(f"expects the outcome {value}, which no program sees")
        if "code" not in fields:
            return [f'check("signal", {value}, r[{step}]);']
        return [f"want_signal({step}, {value}, {SIGCODES[fields['code']]} /* {fields['code']} */);"]
    if name == "code":
        return []
    if name == "value":
        return [f"want_byte({value});" if kind == ev.K_PREAD else f"want_value({value});"]
    if name == "eof":
        return ["want_eof();"] if value else []
    if name == "resident":
        return [f"want_resident({c.text(str(value))});"]
    if name == "pages":
        p.uses.add("pages")
        p.most_letters = max(p.most_letters, len(value))
        if "n" in value:
            raise NotPortable("expects the page letter n, which pagemap does not tell")
        return [f"want_pages({p.spelled_address(event, row)}, {c.text(value)});"]
    if name == "vmas":
        return [p.areas(f"areas_{step}", value)]
    if name == "continues_in":
        return [f"want_result({step}, 0);"]
    raise NotPortable(f"expects {name}, which no program can ask")


def _result(p: Program, event: int, row: list[int], value: int, step: int) -> list[str]:
    kind = row[E_KIND]
    if kind == ev.K_SHMGET:
        return [f'check("failed", 0, r[{step}] < 0);']
    if kind not in _PLACES or value == 0:
        return [f"want_result({step}, {c.number(value)});"]
    if not p.layout.known and chosen_by_kernel(p, event, row, value):
        raise NotPortable(
            "expects an address that the kernel chose, and the scenario does not list what was mapped before"
        )
    return [f"want_result({step}, {p.layout.address(value)});"]


def chosen_by_kernel(p: Program, event: int, row: list[int], value: int) -> bool:
    """Whether the kernel chose where an area came to lie, rather than the program."""
    kind, a = row[E_KIND], row[E_ARGS:]
    if kind == ev.K_MMAP:
        return not a[3] & _AT_ADDRESS and (a[0] & ~0xFFF) != value and (event, 0) not in p.references
    if kind == ev.K_MREMAP:
        return not a[3] & MREMAP_FIXED and a[0] != value and (event, 0) not in p.references
    return kind == ev.K_BRK or (kind == ev.K_SHMAT and not a[1])


def area_row(p: Program, area: dict[str, Any]) -> str:
    """One row of a table of expected areas. Raises NotPortable for what maps and smaps do not show."""
    for name in area:
        if name in _SIMULATED:
            raise NotPortable(f"expects '{name}' of an area, which /proc/PID/smaps does not show")
        if name not in _AREA_FIELDS:
            raise NotPortable(f"expects '{name}' of an area, which has no counterpart in C")
    perms = c.text(area["perms"]) if "perms" in area else "0"
    name = "0"
    if "file" in area or "name" in area:
        shown = area.get("file") or area.get("name") or ""
        name = c.text(p.file_name(shown))
    elif "path" in area:
        raise NotPortable("expects the path of an area, which differs by machine")
    flags = "0"
    if area.get("vmflags") is not None:
        flags = c.text(" ".join(f for f in area["vmflags"].split() if f != "sd"))
    where = f"{p.layout.address(area['start'])}, {p.layout.address(area['end'])}"
    offset = c.number(area["offset"]) if "offset" in area else "-1"
    return f"{{ {where}, {perms}, {offset}, {name}, {flags} }},"
