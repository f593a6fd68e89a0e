"""The stable error codes, with what ``remaptrace explain`` says about each.

Ranges: RT0xx command line and files, RT1xx scenarios (YAML), RT2xx recorded text (strace, ftrace,
perf, JSON Lines, map files, column files), RT3xx machines (arches, kernels, rules), RT4xx replay,
RT5xx what-if rewriting, native runs and sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """One code: a title and what to do about it."""

    title: str
    text: str


CODES: dict[str, Code] = {
    "RT001": Code(
        "command line",
        "An option, argument or command is unknown, missing or has a value that makes no sense. "
        "'remaptrace COMMAND --help' lists what each command takes.",
    ),
    "RT002": Code("no such file", "The path does not exist or may not be read."),
    "RT003": Code(
        "unknown format",
        (
            "The content is none of the formats that remaptrace reads: YAML scenario, strace text, ftrace "
            "or perf script text, JSON Lines, a column file; each plain, gzip or zstd."
        ),
    ),
    "RT004": Code(
        "output not written",
        (
            "The file named by -o could not be written (no space, no permission, no such folder). Nothing "
            "half-written is left behind: the text goes to a temporary file that is renamed when complete."
        ),
    ),
    "RT005": Code("no traces here", "The directory holds neither a recorded set nor scenarios."),
    "RT006": Code("empty input", "The file has no event in it."),
}
