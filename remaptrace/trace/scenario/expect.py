"""What a scenario expects, checked when it is read; and the areas it starts with."""

from __future__ import annotations

from ... import errorcodes as ec
from ...abi import signals as names
from ...abi.calls import Arg as Field
from ...abi.errnos import ERRNOS
from ...abi.kinds import EVF_HAS_RET, EVF_OBSERVE
from ..answers import NUMBERS
from .steps import Step
from .values import Key, Problem, did_you_mean, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .build import Builder

OUTCOMES = ("ok", "SIGSEGV", "SIGBUS", "LIVELOCK", "BUG", "OOM", "UNDELIVERED", "WAITS")
EVERY_STEP = ("vmas",)
"""What every step answers, whatever it does: the areas of its process behind it."""
_AREA_KEYS = dict.fromkeys(
    (
        *("start", "end", "perms", "offset", "file", "name", "path", "pkey", "vmflags", "pages", "access"),
        "file_pages",
    )
)
_INITIAL_KEYS = dict.fromkeys(("start", "end", "name", "perms", "file", "offset"))
_PERMS = {"r": 1, "w": 2, "x": 4, "s": 8}
INITIAL_PERMS = {"(program)": "r-xp", "[vvar]": "r--p", "[vvar_vclock]": "r--p", "[vdso]": "r-xp"}


def check_expect(
    b: Builder, step: Step, expect: Any, kernel_list: bool = True
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The fields of an `expect`, and those for single machines (`on`). Problem from the step."""
    if not isinstance(expect, dict):
        raise Problem(ec.RT_EXPECT, "expect must be a mapping", ("expect",), ", ".join(step.answers))
    fields: dict[str, Any] = {}
    on: dict[str, dict[str, Any]] = {}
    for key, value in expect.items():
        if key == "on" and kernel_list:
            on = _machines(b, step, value)
        elif key not in step.answers and key not in EVERY_STEP:
            raise Problem(
                ec.RT_EXPECT,
                f"{step.name} does not answer '{key}'",
                ("expect", Key(key)),
                "one of: " + did_you_mean(key, dict.fromkeys((*step.answers, *EVERY_STEP))),
            )
        else:
            fields[key] = _answer(b, key, value)
    if "result" in fields and "error" in fields:
        raise Problem(ec.RT_EXPECT, "a result and an error", ("expect", Key("error")), "one of them")
    return fields, on


def expected_result(step: Step, fields: dict[str, Any]) -> tuple[int, int]:
    """The recorded result that an `expect` stands for, and the event flags it asks for."""
    ret, flags = 0, 0
    if step.returns:
        answer = fields.get("result", -ERRNOS[fields["error"]] if "error" in fields else None)
        if isinstance(answer, int):
            ret, flags = answer, EVF_HAS_RET
    if looks(fields):
        flags |= EVF_OBSERVE
    return ret, flags


_LOOKED_AT = frozenset({"resident", "vmas"})
"""Fields that the replay has to stop for."""


def looks(fields: dict[str, Any]) -> bool:
    """Whether the replay has to stop behind a step that answers `fields`."""
    return bool(_LOOKED_AT & fields.keys())


def _machines(b: Builder, step: Step, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise Problem(
            ec.RT_EXPECT,
            "on must name kernels",
            ("expect", "on"),
            "{linux-6.18: {error: EINVAL}, 'linux-2.6.*': ...}",
        )
    out = {}
    for pattern, fields in value.items():
        try:
            out[pattern] = check_expect(b, step, fields, kernel_list=False)[0]
        except Problem as p:
            raise Problem(p.code, p.problem, ("expect", "on", pattern, *p.path[1:]), p.expected) from None
    return out


def _answer(b: Builder, key: str, value: Any) -> Any:
    """One field of an `expect`, checked."""
    if key in NUMBERS:
        try:
            return number(b, value, Field(key, "int"))
        except Problem as p:
            raise p.within("expect") from None
    path = ("expect", key)
    if key == "error":
        if type(value) is str and value in ERRNOS:
            return value
        raise Problem(
            ec.RT_EXPECT,
            f"unknown error '{value}'",
            path,
            "an errno: " + did_you_mean(str(value), ERRNOS),
        )
    if key == "outcome" and value not in OUTCOMES:
        raise Problem(ec.RT_EXPECT, f"unknown outcome '{value}'", path, ", ".join(OUTCOMES))
    if key == "code" and value not in names.SIGCODES:
        raise Problem(
            ec.RT_EXPECT, f"unknown si_code '{value}'", path, did_you_mean(str(value), names.SIGCODES)
        )
    if key == "continues_in" and value not in ("parent", "child"):
        raise Problem(ec.RT_EXPECT, f"'{value}' is no process", path, "parent, child")
    if key == "eof" and type(value) is not bool:
        raise Problem(ec.RT_EXPECT, "eof must be true or false", path, "true, false")
    if key == "resident":
        return str(value) if type(value) is int else _text(value, path, "01")
    if key == "pages":
        return _text(value, path, ".azFfGns")
    if key == "access":
        return _text(value, path, "wr0-x")
    if key == "file_pages":
        return _file_pages(value, path)
    if key == "vmas":
        return check_areas(value, path)
    return value


def _text(value: Any, path: tuple[Any, ...], letters: str) -> str:
    if type(value) is str and not set(value) - set(letters):
        return value
    raise Problem(ec.RT_EXPECT, f"{path[-1]} must be one letter a page", path, " ".join(letters))


def _file_pages(value: Any, path: tuple[Any, ...]) -> list[int | None]:
    if isinstance(value, list) and all(v is None or type(v) is int for v in value):
        return value
    raise Problem(ec.RT_EXPECT, "file_pages must be a list of page numbers", path, "[0, null, 7]")


def check_areas(value: Any, path: tuple[Any, ...]) -> list[dict[str, Any]]:
    """A list of areas as `vmas` holds it."""
    if not isinstance(value, list):
        raise Problem(
            ec.RT_EXPECT, "vmas must be a list of areas", path, "- {start: 0x1000, end: 0x2000, ...}"
        )
    for i, area in enumerate(value):
        _check_area(area, (*path, i), _AREA_KEYS)
        if "pages" in area:
            _text(area["pages"], (*path, i, "pages"), ".azFfGns")
        if "access" in area:
            _text(area["access"], (*path, i, "access"), "wr0-x")
        if "file_pages" in area:
            _file_pages(area["file_pages"], (*path, i, "file_pages"))
    return value


def _check_area(area: Any, path: tuple[Any, ...], keys: dict[str, None]) -> None:
    if type(area) is dict and area.keys() <= keys.keys():  # the most, at once
        start, end, offset = area.get("start"), area.get("end"), area.get("offset", 0)
        if type(start) is type(end) is type(offset) is int:
            if min(start, end, offset) >= 0 and max(start, end, offset) < 1 << 64:
                return
    if not isinstance(area, dict):
        raise Problem(ec.RT_EXPECT, "an area must be a mapping", path, ", ".join(keys))
    for key, value in area.items():
        if key not in keys:
            raise Problem(
                ec.RT_EXPECT,
                f"unknown field '{key}' of an area",
                (*path, Key(key)),
                "one of: " + did_you_mean(key, keys),
            )
        if key in ("start", "end", "offset") and (type(value) is not int or not 0 <= value < 1 << 64):
            raise Problem(ec.RT_VALUE, f"{key} must be a number of bytes", (*path, key), "0x1000")
    if "start" not in area or "end" not in area:
        raise Problem(ec.RT_EXPECT, "an area needs start and end", path, ", ".join(keys))


def initial_areas(document: dict[str, Any]) -> list[tuple[int, int, str, int, str, int]]:
    """The areas mapped before the first step: start, end, name, permission bits, file name ("": none),
    offset (bytes).

    Without `perms` they follow from the name: (program) r-xp of a file, [vdso] r-xp, [vvar] r--p,
    anything else rw-p.
    """
    out = []
    given = document.get("initial") or []
    if not isinstance(given, list):
        raise Problem(
            ec.RT_EXPECT,
            "initial must be a list of areas",
            ("initial",),
            "- {start: ..., end: ..., name: ...}",
        )
    last = 0
    for i, area in enumerate(given):
        _check_area(area, ("initial", i), _INITIAL_KEYS)
        name = area.get("name", "")
        if type(name) is not str:
            raise Problem(ec.RT_VALUE, "name must be text", ("initial", i, "name"), "[heap], [stack], ...")
        if area["start"] < last or area["end"] <= area["start"]:
            raise Problem(
                ec.RT_EXPECT,
                "initial areas must be sorted and apart",
                ("initial", i, "start"),
                f"at least {last:#x}",
            )
        last = area["end"]
        perms = area.get("perms", INITIAL_PERMS.get(name, "rw-p"))
        if (
            type(perms) is not str
            or len(perms) != 4
            or any(c not in (w, "-") for c, w in zip(perms[:3], "rwx", strict=True))
            or perms[3] not in "ps"
        ):
            raise Problem(
                ec.RT_VALUE, f"'{perms}' is no protection", ("initial", i, "perms"), "rw-p, r-xp, ..."
            )
        bits = sum(_PERMS.get(c, 0) for c in perms)
        file = area.get("file", name if name and not name.startswith("[") else "")
        out.append((area["start"], area["end"], name, bits, str(file or ""), area.get("offset", 0)))
    return out


def listed(areas: list[Any], initial: tuple[tuple[int, int, str], ...]) -> list[Any]:
    """Of `areas` (VmaRow) those that a scenario lists: all but the initial ones that are not [heap].

    The heap of a scenario without `brk_start` is named (heap) and not listed either.
    """
    heap_too = any(name == "[heap]" for _, _, name in initial)
    hidden = [(start, end) for start, end, name in initial if name != "[heap]"]

    def is_initial(area: Any) -> bool:
        if area.name == "[heap]" and heap_too:
            return False
        return area.name == "[stack]" or any(start <= area.start and area.end <= end for start, end in hidden)

    return [a for a in areas if not is_initial(a)] if initial else areas
