"""The registry of outputs: texts that --format names, and files that an ending asks for. A row an output.

A row names the function that makes it. Functions are found by name when they are called: an output that nobody asked
for imports nothing. The report of a terminal ("rich", pages and pictures) is no row: its sheet wants a width.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module

from ..errorcodes import RT_USAGE
from ..errors import UsageError
from ..lateclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ..result.result import Result

Facts: TypeAlias = "Mapping[str, Any]"

_JSON = "jsontext:to_json"
TEXTS: dict[str, dict[str, str]] = {
    "run": {
        "plain": "plain.run:runs_plain",
        "markdown": "markdown.run:runs_markdown",
        "json": "jsontext:runs_json",
        "jsonl": "jsonout:runs_json_lines",
    },
    "check": {
        "plain": "plain.run:check_plain",
        "junit": "junit:check_junit",
        "github": "github:check_github",
        "markdown": "markdown.check:check_markdown",
        "json": _JSON,
        "ktap": "ktap:check_ktap",
    },
    "diff": {"plain": "plain.diff:diff_plain", "json": _JSON, "markdown": "markdown.diff:diff_markdown"},
    "advise": {
        "plain": "plain.advise:advise_plain",
        "json": _JSON,
        "markdown": "markdown.advise:advise_markdown",
    },
    "areas": {"plain": "plain.dump:dump_plain", "json": _JSON, "markdown": "markdown.dump:dump_markdown"},
    "verify": {
        "plain": "verify:verify_plain",
        "markdown": "verify:verify_markdown",
        "json": _JSON,
        "ktap": "ktap:verify_ktap",
    },
}
"""By command (areas: `advise` and `diff` of what has no calls) and word of --format: ``module:function``.

Called with the facts; those of `run` with the facts of each trace and the results.
"""


ENDINGS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".markdown": "markdown",
    ".xml": "junit",
    ".ktap": "ktap",
}
"""Word of --format by the ending of -o FILE."""
PAGES = (".html", ".htm")
"""Endings of pages."""
PICTURES = (".svg", *PAGES)
"""Endings of what the terminal shows, and of pages."""
PROFILES = (".folded", ".speedscope.json", ".pb.gz", ".pprof")
"""Endings that ask `advise` for stacks."""
SCENARIOS = (".yaml", ".yml")
"""Endings that ask `verify` for its smallest program."""
_OWN = {"advise": PROFILES, "verify": SCENARIOS}
"""Endings of files that one command alone writes."""
_OTHER = (".csv", ".rtcols", ".zst", ".gz", ".pdf", ".png", ".arrow", ".sarif.json")
"""Endings that say another form than text, which no report is written in."""


def text(command: str, form: str, facts: Any, results: Sequence[Result] = ()) -> Iterable[str] | None:
    """The text that --format `form` asks `command` for, in pieces; None: the report of a terminal."""
    maker = TEXTS[command].get(form)
    if maker is None:
        return None
    made: str | Iterable[str] = _function(maker)(*((facts, results) if command == "run" else (facts,)))
    return [made] if isinstance(made, str) else made


@dataclass(frozen=True)
class Output:
    """One kind of file. `maker` is ``module:function``, called with the facts, and with the results if `results`."""

    name: str
    ending: str
    commands: tuple[str, ...]
    maker: str
    results: bool
    what: str


OUTPUTS = (
    Output(
        "perfetto", ".perfetto.json", ("run",), "perfetto:perfetto_json", True, "tracks for trace viewers"
    ),
    Output(
        "openmetrics", ".prom", ("run", "check"), "openmetrics:openmetrics", False, "gauges for dashboards"
    ),
    Output("parquet", ".parquet", ("run",), "parquet:parquet", True, "a row an event, for notebooks"),
    Output("sarif", ".sarif", ("run", "check"), "sarif:sarif", False, "differences for code scanning"),
)


_KNOWN = (
    *ENDINGS,
    *PICTURES,
    *(e for own in _OWN.values() for e in own),
    *(o.ending for o in OUTPUTS),
    *_OTHER,
)


def ending_of(path: str | None, endings: Iterable[str]) -> str | None:
    """Which of `endings` a file's name has, in letters of any case, the longest of several; None: none of them."""
    low = (path or "").lower()
    return max((e for e in endings if low.endswith(e)), key=len, default=None)


def form_for(command: str, form: str, path: str | None) -> str:
    """The word of --format that the ending of `path` asks for where none was given ("rich").

    UsageError RT501 for an ending that says a form which `command` does not write: text under such a name would be
    believed to be that form.
    """
    said = ending_of(path, _KNOWN)
    files = [*(o.ending for o in OUTPUTS if command in o.commands), *PICTURES, *_OWN.get(command, ())]
    if form != "rich" or path is None or said is None or said in files:
        return form
    texts = {ending: word for ending, word in ENDINGS.items() if word in TEXTS[command]}
    if said not in texts:
        raise UsageError(
            RT_USAGE,
            f"-o {os.path.basename(path)}: {command} writes no {said}",
            expected=f"{', '.join([*texts, *files])}, another ending for text, or --format",
        )
    return texts[said]


def output_for(command: str, path: str | None) -> Output | None:
    """The output that the ending of `path` asks `command` for; None: the report as text, a page or a picture."""
    written = {o.ending: o for o in OUTPUTS if command in o.commands}
    ending = ending_of(path, written)
    return None if ending is None else written[ending]


def made(output: Output, facts: Sequence[Facts], results: Sequence[Result] = ()) -> bytes:
    """The whole file. UsageError (RT812) where a package is missing that it needs."""
    maker = _function(output.maker)
    content = maker(facts, results) if output.results else maker(facts)
    return content if isinstance(content, bytes) else str(content).encode("utf-8", "backslashreplace")


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(f".{module}", __package__), function)
    return found
