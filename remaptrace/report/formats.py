"""The registry of outputs that a file's ending asks for: a row an output, whoever writes it.

A row names its ending, the commands that have it and the function that makes it. Functions are found by name when they
are called: an output that nobody asked for imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..result.result import Result

Facts = Mapping[str, Any]


class Output(NamedTuple):
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


def output_for(command: str, path: str | None) -> Output | None:
    """The output that the ending of `path` asks `command` for; None: the report as text, a page or a picture."""
    low = (path or "").lower()
    return next((o for o in OUTPUTS if command in o.commands and low.endswith(o.ending)), None)


def made(output: Output, facts: Sequence[Facts], results: Sequence[Result] = ()) -> bytes:
    """The whole file. UsageError (RT812) where a package is missing that it needs."""
    module, _, function = output.maker.partition(":")
    maker = getattr(import_module(f".{module}", __package__), function)
    content = maker(facts, results) if output.results else maker(facts)
    return content if isinstance(content, bytes) else str(content).encode("utf-8", "backslashreplace")
