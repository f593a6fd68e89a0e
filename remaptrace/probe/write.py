"""A probe as a kernel file: values read, rules with their evidence, what is open and why, what nothing explains."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..machine.rules import RULES, Rule
from .evidence import Verdict
from .probe import Probe

_WIDTH = 150  # of a comment


def kernel_file(found: Probe) -> Iterator[str]:
    """The lines of the file, which `--kernel FILE` takes."""
    steps = sum(case.steps for case in found.cases)
    unexplained = found.unexplained
    decided = found.decided
    choices = found.verdicts
    agree = len(found.cases) - len(unexplained)
    yield f"# {found.where.kernel or 'nobody said what answered'}\n"
    yield f"# {agree} of {len(found.cases)} programs ({steps:,} steps) agree with these values;"
    yield f" {len(decided)} of {len(choices)} rules of choice are decided by them\n"
    yield f"base: {found.base}\n"
    yield f"about: 'as {found.where.kernel or 'the other side'} answered {len(found.cases)} programs'\n"
    yield "rules:\n"
    if found.read:
        yield "  # -- read there\n"
    for name, (_, file) in sorted(found.read.items()):
        yield f"  {name}: {shown(RULES[name], found.machine.kernel.values[name])}  # {file}\n"
    yield "  # -- decided: any other value contradicts the program that is named\n"
    for name in decided:
        if name not in found.read:
            yield from _decided(found, found.verdicts[name])
    yield from _partly(found)
    yield from _open(found)
    if found.unanswered:
        yield "# -- programs that did not run to their end there\n"
        yield from (f"#   {name}: {_comment(why)}\n" for name, why in found.unanswered)
    if unexplained:
        yield "# -- programs that no value explains: a defect of remaptrace, or a rule that nobody knows\n"
        yield from (f"#   {name}: {_comment(said)}\n" for name, said in unexplained)


def _decided(found: Probe, verdict: Verdict) -> Iterator[str]:
    rule = RULES[verdict.rule]
    base = found.start.kernel.values[rule.name]
    changed = "" if base == verdict.value else f" ({shown(rule, base)} in {found.base})"
    others = [f"not {shown(rule, v)}: {case}, {said}" for v, (case, said) in sorted(verdict.against.items())]
    yield f"  {rule.name}: {shown(rule, verdict.value)}  #{changed} {_comment(others[0])}\n"
    for other in others[1:]:
        yield f"  #   {_comment(other)}\n"


def _partly(found: Probe) -> Iterator[str]:
    """Rules of several values of which some are contradicted, and rules that were changed but are not decided."""
    changed = _changed(found)
    for name, verdict in found.verdicts.items():
        if name in found.read or verdict.decided or not (verdict.against or name in changed):
            continue
        rule = RULES[name]
        left = ", ".join(shown(rule, v) for v in verdict.open)
        yield f"  {name}: {shown(rule, verdict.value)}  # or {left}: nothing tells these apart\n"


def _open(found: Probe) -> Iterator[str]:
    changed = _changed(found)
    left = [
        v for n, v in found.verdicts.items()
        if n not in found.read and not v.decided and not v.against and n not in changed
    ]  # fmt: skip
    if left:
        yield f"# -- not decided: as in {found.base}\n"
    for verdict in left:
        rule = RULES[verdict.rule]
        yield f"#   {rule.name}: {shown(rule, verdict.value)}  ({reason(verdict)})\n"


def _changed(found: Probe) -> set[str]:
    """Rules that ended with another value than they began with."""
    before, after = found.start.kernel.values, found.machine.kernel.values
    return {change.rule for change in found.changes if before[change.rule] != after[change.rule]}


def reason(verdict: Verdict) -> str:
    """Why a rule is not decided."""
    for start, why in _reasons().items():
        if verdict.rule == start or (start.endswith("_") and verdict.rule.startswith(start)):
            return why
    if not verdict.readers:
        return "no program comes to it: with the other rules of this kernel it may have no effect"
    return f"{verdict.readers} programs read it, and answer alike with either value"


@cache
def _reasons() -> dict[str, str]:
    import yaml

    text = Path(__file__).with_name("reasons.yaml").read_bytes()
    return {str(k): str(v) for k, v in yaml.safe_load(text).items()}


def shown(rule: Rule, value: int) -> str:
    """A value as a kernel file writes it."""
    if rule.kind == "bool":
        return "yes" if value else "no"
    return rule.choices[value] if rule.kind == "enum" else str(value)


def _comment(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."
