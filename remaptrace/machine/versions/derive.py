"""A kernel of any version from 4.0 on: every rule from the versions in which it changed.

>>> derive("linux-6.8.1").values["map_stack_nohugepage"], derive("5.10").values["madv_populate"]
(1, 0)
"""

from __future__ import annotations

from functools import cache

from ...errors import UsageError
from ...patterns import pattern
from ..kernel import Kernel, parse_rule
from ..named import kernel_names, preset_kernel
from ..rules import RULES
from .history import ASKED, CHANGES, LAST_MINOR, OLDEST, UNDATED, UPDATES, Update, Version

_RELEASE = pattern(
    r"(?i:(?:linux|kernel)[- ]?(?:version )?|linux \S+ (?=\d)|v)?"
    r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?(?=[-+_~ .]|\Z)"
)
_ABI = pattern(r"[^\d]*\d+\.\d+\.0-\d")
"""Distributions that count their own updates name every one of them .0 (6.1.0-18-amd64, 5.14.0-362.el9)."""
_CANDIDATE = pattern(r"-rc\d")
_PRESET = pattern(r"linux-(\d+)\.(\d+)\Z")


def release(text: str) -> tuple[int, int, int | None] | None:
    """The numbers of a release such as linux-6.8.1 or 6.8.0-45-generic; None for what is none.

    The third one is None where the text does not tell it: the update that a distribution's own count stands for.
    """
    match = _RELEASE.match(text)
    if match is None:
        return None
    told = match[3] is not None and not _ABI.match(text)
    return int(match[1]), int(match[2]), int(match[3]) if told else None


def released(numbers: tuple[int, int, int | None]) -> bool:
    """False for a minor number behind the last one of its major, such as 6.81."""
    return numbers[1] <= LAST_MINOR.get(numbers[0], numbers[1])


def stands_for(text: str) -> str | None:
    """The preset that is exactly the release `text`, else the name under which it is derived; None if it cannot be.

    >>> stands_for("6.18.44-generic"), stands_for("6.8.0-45-generic"), stands_for("3.10.0")
    ('linux-6.18', 'linux-6.8', None)
    """
    numbers = release(text)
    if numbers is None or not released(numbers) or not OLDEST[:2] <= numbers[:2] <= max(_series()):
        return None
    major, minor, patch = numbers
    preset = _series().get((major, minor))
    if preset and patch in (None, ASKED.get(preset)):
        return preset
    return f"linux-{major}.{minor}" + ("" if patch is None else f".{patch}")


@cache
def derive(name: str) -> Kernel:
    """The kernel of that version. UsageError RT401 for one that is older or newer than what is known."""
    numbers = release(name)
    if numbers is None:
        raise UsageError("RT401", f"{name!r} names no version", found=name)
    series = _series()
    newest = max(series)
    if numbers[:2] < OLDEST[:2]:
        raise UsageError(
            "RT401",
            f"{name} cannot be derived: between 2.6.21 and 4.0 it is not known when each rule changed",
            found=name,
            expected="linux-2.6.20, linux-2.6.21 or linux-4.0, or a YAML file with 'base:' and rules",
        )
    if numbers[:2] > newest:
        raise UsageError(
            "RT401",
            f"{name} is newer than the newest kernel known, {series[newest]}",
            found=name,
            expected=f"{series[newest]}, or a YAML file with 'base:' and rules",
        )
    at, patch = numbers[:2], numbers[2]
    below = max(s for s in series if s <= at)
    above = min((s for s in series if s >= at), default=newest)
    low, high = preset_kernel(series[below]), preset_kernel(series[above])
    values, origins = dict(low.values), dict(low.origins)
    undecided: list[str] = []
    for rule, value in low.values.items():
        if below == at:
            continue
        if rule in CHANGES:
            since, word = max(change for change in CHANGES[rule] if change[0] <= at)
            values[rule] = parse_rule(RULES[rule], word)
            origins[rule] = f"changed in {since[0]}.{since[1]}" if since > OLDEST[:2] else low.origins[rule]
            first, last = UNDATED.get(rule, (at, at))
            if first < at < last:
                undecided.append(rule)
        elif value != high.values[rule]:
            undecided.append(rule)
    for update in UPDATES:
        if update.series == at and patch is not None:
            _apply(update, (*at, patch), values, origins, undecided)
    for rule in undecided:
        origins[rule] = "undecided"
    text = f"linux-{at[0]}.{at[1]}" + ("" if patch is None else f".{patch}")
    return Kernel(text, _about(text, low, values, undecided, patch), low.era, low.series, values, origins)


def _apply(
    update: Update, at: Version, values: dict[str, int], origins: dict[str, str], undecided: list[str]
) -> None:
    known = update.present is not None and at[2] >= update.present
    if not known and update.present is None:
        undecided.append(update.rule)  # the preset's value stays
        return
    values[update.rule] = parse_rule(RULES[update.rule], update.after if known else update.before)
    place = f"{at[0]}.{at[1]}.{update.present if known else update.absent}"
    if known or at[2] <= update.absent:
        origins[update.rule] = f"known of {place}"
    else:
        undecided.append(update.rule)


def _about(text: str, low: Kernel, values: dict[str, int], undecided: list[str], patch: int | None) -> str:
    changed = sum(values[rule] != low.values[rule] for rule in values)
    ground = ground_of(low.name)
    parts = [
        f"{text}, derived: {low.name} ({ground}) but for {changed} rules by the versions that changed them"
    ]
    asked = ASKED.get(low.name)
    if patch is not None and asked is not None and text.startswith(low.name + ".") and patch > asked:
        parts.append(f"newer than the update that was asked, .{asked}")
    if undecided:
        parts.append("not known at this version: " + ", ".join(sorted(set(undecided))))
    return "; ".join(parts)


def is_derived(kernel: Kernel) -> bool:
    """Whether the kernel is no preset but follows from its version."""
    return kernel.name not in kernel_names() and kernel.about.startswith(f"{kernel.name}, derived: ")


def replacement(text: str, kernel: Kernel) -> str:
    """What a report should say where `text`, a release, is replayed as `kernel`; empty if nothing."""
    numbers = release(text)
    exact = numbers is not None and stands_for(text) is not None
    asked = ASKED.get(kernel.name)
    update = f", as update .{asked} of it answered" if asked is not None else ""
    if numbers and exact and _CANDIDATE.search(text):
        return f"{text} is a candidate of {numbers[0]}.{numbers[1]}: {kernel.name} is taken{update}"
    if numbers and exact and numbers[2] is None and _ABI.match(text):
        return (
            f"{text} does not tell which update of {numbers[0]}.{numbers[1]} it is: {kernel.name} is taken{update};"
            " what its distribution took over from later versions is not known"
        )
    if {text, f"linux-{text}"} & set(kernel_names()) or release(text) is None or exact:
        return ""
    return f"{text} is not described and cannot be derived: {kernel.name} is taken"


def ground_of(preset: str) -> str:
    """On what the values of a preset rest."""
    update = ASKED.get(preset)
    if update is not None:
        return f"asked of {preset.removeprefix('linux-')}.{update}"
    if preset.endswith(("-intended", "-private")):
        return "hypothesis"
    if preset.startswith("linux-2.6.21-") or "-rfp" in preset:
        return "read in its patches"
    return "asked of 2.6.20" if preset == "linux-2.6.20" else "read in its source"


@cache
def _series() -> dict[tuple[int, int], str]:
    """major, minor: preset, for the presets from 4.0 on."""
    found = {(int(m[1]), int(m[2])): n for n in kernel_names() if (m := _PRESET.match(n))}
    return {version: name for version, name in found.items() if version >= OLDEST[:2]}
