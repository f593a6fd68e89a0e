"""Reads scenarios: YAML files with steps and what they should answer.

The form is that of docs/scenario-format.md. A malformed scenario stops here, with line, column and
what was expected.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from ... import errorcodes as ec
from ...abi.calls import Arg as Field
from ...abi.kinds import EVF_MADE, K_MAKEFILE
from ...errors import InputError
from ...lateclasses import dataclass
from ..events import Trace
from . import ANSWERS_OF
from .build import Builder, begin
from .canonical import read_steps, split
from .expect import check_areas
from .look import KEYS
from .steps import STEPS
from .values import Key, Problem, did_you_mean, number
from .yamldoc import Document, decode, load
from .yamlmini import NotCanonical, check_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .answered import Completed, UntoldFile

_RESOURCES = ("nodes", "nr_hugepages", "nr_overcommit_hugepages")
_MACHINE_KEYS = ("arch", "kernel", "host", "ram", "swap", *_RESOURCES, "set")


def read_scenario(data: bytes | str, *, name: str = "", path: str = "") -> Trace:
    """Read one scenario. `name` is used if the file has none; `path` is shown in errors.

    Raises InputError with line and column.
    """
    text = decode(data, path)
    with _collector_paused():
        return read_canonical(text, name, path) or build(load(text, path), name)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection meanwhile: the many values of a document are all kept, none is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_canonical(text: str, name: str, path: str) -> Trace | None:
    """The trace of a scenario in canonical form; None for any other, and for one with an error."""
    try:
        check_text(text)
        root, steps, line = split(text)
        if _answered_kernel(str(root.get("about") or "")):
            return None  # gaps are filled from what stands behind them
        started = _begin(root)
        read_steps(started.b, steps, line)
        return _finish(started, root, path, name)
    except (NotCanonical, Problem):
        return None


def build(document: Document, name: str = "") -> Trace:
    """The trace of a document that was read."""
    try:
        return _build(document, name)
    except Problem as p:
        from .yamlplace import locate

        line, column, found = locate(document.text, p.path)
        rows = document.text.splitlines()
        raise InputError(
            p.code,
            p.problem,
            document.path,
            line,
            column,
            rows[line - 1][:400] if 0 < line <= len(rows) else "",
            found[:200],
            p.expected,
        ) from None


def _answered_kernel(about: str) -> str:
    """`answered.answered_kernel`, of which most scenarios have nothing."""
    if not about.startswith(ANSWERS_OF):
        return ""
    from .answered import answered_kernel

    return answered_kernel(about)


@dataclass
class _Started:
    """A scenario before its first step."""

    b: Builder
    machine: dict[str, Any]
    initial: tuple[tuple[int, int, str], ...]
    prelude: int
    completed: Completed | None = None  # of a program that a kernel answered


def _build(document: Document, name: str) -> Trace:
    root = document.root
    started = _begin(root, document.lines)
    b = started.b
    b.document_lines = document.lines
    steps = root["steps"]
    lines = document.lines.get(id(steps)) or [0] * len(steps)
    for i, entry in enumerate(steps):
        if started.completed is not None and entry == {}:
            continue  # left out, with a note
        try:
            b.add(entry, lines[i], i)
        except Problem as p:
            raise p.within("steps", i) from None
    return _finish(started, root, document.path, name)


def _begin(root: Any, lines: dict[int, list[int]] | None = None) -> _Started:
    """Check the keys of a scenario and make what stands before its steps."""
    if not isinstance(root, dict):
        raise Problem(ec.RT_TOP_KEY, "a scenario is a mapping", (), "name, arch, steps, ...")
    for key in root:
        if key not in KEYS:
            raise Problem(
                ec.RT_TOP_KEY, f"unknown key '{key}'", (Key(key),), "one of: " + did_you_mean(key, KEYS)
            )
    _check_top(root)
    machine = _machine(root)
    completed = None
    if _answered_kernel(str(root.get("about") or "")):
        from .answered import complete

        completed = complete(root, (lines or {}).get(id(root["steps"]), []))
    b = Builder(root.get("page_size", 4096))
    _variables(b, root.get("vars") or {})
    initial = begin(b, root)
    _files(b, root.get("files") or [])
    for file in completed.files if completed else ():
        _untold_file(b, file)
    return _Started(b, machine, initial, b.count, completed)


def _untold_file(b: Builder, file: UntoldFile) -> None:
    """Make the file behind a descriptor that an answered program had without a step."""
    from ...abi.kinds import FILE_REGULAR, FILE_SHMEM, K_REOPEN, K_SPECIAL_FILE

    fd, shown = b.new_descriptor(file.name), b.string(file.path or file.name)
    own = fd if file.writable else b.new_descriptor(f"{file.name}_written")
    if file.kind not in (FILE_REGULAR, FILE_SHMEM):
        b.made(K_SPECIAL_FILE, (own, file.kind, 0, shown))
    else:
        b.made(K_MAKEFILE, (own, _UNTOLD_PAGES, 0, int(file.kind == FILE_REGULAR), shown, 0))
    if own != fd:
        b.made(K_REOPEN, (own, fd, 1))


_UNTOLD_PAGES = 1 << 20
"""Length in pages of a file of which nothing is told: longer than what an answered program maps of it."""


def _finish(started: _Started, root: dict[str, Any], path: str, name: str) -> Trace:
    b, machine = started.b, started.machine
    _final(b, root, len(b.top))
    about = str(root.get("about") or "")
    answered = _answered_kernel(about)
    if answered and "kernel" not in machine:
        from .answered import told_rules

        machine["kernel"] = f"linux-{answered}"
        shown = started.completed.rules if started.completed else {}
        machine = {**told_rules(about), **shown, **machine}
    return b.finish(
        sources=[path],
        format="scenario",
        name=str(root.get("name") or name),
        recorded=False,
        arch=machine.pop("arch", None) or root.get("arch"),
        kernel=machine.pop("kernel", None),
        machine=machine,
        initial=started.initial,
        prelude=started.prelude,
        about=about,
        notes=started.completed.notes if started.completed else [],
    )


def _check_top(root: dict[str, Any]) -> None:
    if not isinstance(root.get("steps"), list):
        path = ("steps",) if "steps" in root else ()
        raise Problem(ec.RT_TOP_KEY, "a scenario needs a list of steps", path, "steps:\n- read: 0x1000")
    for key in ("page_size", "brk_start", "mmap_base", "first_free_top"):
        value = root.get(key, 4096)
        if type(value) is not int or not 0 <= value < 1 << 63:
            raise Problem(ec.RT_VALUE, f"{key} must be a number of bytes", (key,), "4096")
    page = root.get("page_size", 4096)
    if not 4096 <= page <= 1 << 20 or page & (page - 1):
        raise Problem(ec.RT_VALUE, "page_size must be a power of two", ("page_size",), "4096 to 1048576")
    if root.get("layout", "top-down") not in ("top-down", "bottom-up"):
        raise Problem(ec.RT_VALUE, "unknown layout", ("layout",), "top-down, bottom-up")
    for key in ("arch", "name", "about"):
        if type(root.get(key, "")) not in (str, int):
            raise Problem(ec.RT_VALUE, f"{key} must be text", (key,), "a word")


def _machine(root: dict[str, Any]) -> dict[str, Any]:
    """`machine:` as a dict with arch, kernel, host; ram and swap (bytes); rules."""
    given = root.get("machine") or {}
    if not isinstance(given, dict):
        raise Problem(ec.RT_VALUE, "machine must be a mapping", ("machine",), ", ".join(_MACHINE_KEYS))
    out: dict[str, Any] = {}
    b = Builder(root.get("page_size", 4096))
    for key, value in given.items():
        if key not in _MACHINE_KEYS:
            raise Problem(
                ec.RT_TOP_KEY,
                f"unknown key '{key}' of machine",
                ("machine", Key(key)),
                "one of: " + did_you_mean(key, _MACHINE_KEYS),
            )
        if key in ("ram", "swap", *_RESOURCES):
            try:
                out[key] = number(b, value, Field(key, "int"))
            except Problem as p:
                raise p.within("machine") from None
        elif key == "set":
            out.update(_rules(value))
        elif type(value) is not str:
            raise Problem(
                ec.RT_VALUE, f"{key} must be a name", ("machine", key), "see remaptrace kernels, arches"
            )
        else:
            out[key] = value
    return out


def _rules(value: Any) -> dict[str, Any]:
    from ...machine.rules import RULES

    if not isinstance(value, dict):
        raise Problem(ec.RT_VALUE, "set must name rules", ("machine", "set"), "{max_map_count: 100}")
    for key in value:
        if key not in RULES:
            raise Problem(
                ec.RT_NAME,
                f"unknown rule '{key}'",
                ("machine", "set", Key(key)),
                "one of: " + did_you_mean(key, RULES),
            )
    return value


def _variables(b: Builder, given: Any) -> None:
    if not isinstance(given, dict):
        raise Problem(ec.RT_VALUE, "vars must be a mapping", ("vars",), "{base: 0x10000000, n: 100}")
    for key, value in given.items():
        if not key.isidentifier() or key in ("page", "min", "max"):
            raise Problem(
                ec.RT_VALUE, f"'{key}' cannot be a variable", ("vars", Key(key)), "letters, digits and _"
            )
        try:
            b.env[key] = number(b, value, Field(key, "int"))
        except Problem as p:
            raise p.within("vars") from None


def _files(b: Builder, given: Any) -> None:
    """`files:` makes files before the first step: {id, pages, fill, disk}."""
    if not isinstance(given, list):
        raise Problem(ec.RT_VALUE, "files must be a list", ("files",), "- {id: a, pages: 8, fill: true}")
    for i, entry in enumerate(given):
        if not isinstance(entry, dict):
            raise Problem(ec.RT_VALUE, "a file must be a mapping", ("files", i), "{id: a, pages: 8}")
        rest = {k: v for k, v in entry.items() if k != "disk"}
        disk = entry.get("disk", False)
        if type(disk) is not bool:
            raise Problem(ec.RT_VALUE, "disk must be true or false", ("files", i, "disk"), "true, false")
        b.step_name = "files"
        step = "diskfile" if disk else "memfd"
        try:
            args = b.arguments(STEPS[step], rest)
        except Problem as p:
            raise Problem(
                p.code,
                p.problem.replace(step, "a file"),
                ("files", i, *p.path[1:]),
                p.expected,
            ) from None
        folio = args[3] if disk else 0
        b.emit((K_MAKEFILE, 0, *args[:3], int(disk), b.string(rest["id"]), folio, 0, EVF_MADE), 0)


def _final(b: Builder, root: dict[str, Any], steps: int) -> None:
    """The expectation of the final areas; `vmas` may hold a list for each machine (`on`)."""
    given = root.get("vmas")
    if given is None:
        return
    if isinstance(given, dict):
        on = {p: {"vmas": check_areas(v, ("vmas", p))} for p, v in given.items()}
        b.expects.append(
            (-1, steps, 0, on.get("default", {}), {p: f for p, f in on.items() if p != "default"})
        )
    else:
        b.expects.append((-1, steps, 0, {"vmas": check_areas(given, ("vmas",))}, {}))
