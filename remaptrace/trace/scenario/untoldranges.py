"""Which pages uffdio_writeprotect and uffdio_continue were about, where a file lost their range.

Tracers of their time print a pointer for these two, so that an answered program (see `answered`) has only the call.
What the call did is shown by the accesses behind it: a page that traps a write was protected, one that lets it pass
was not, a page that is there without a fault was continued. Each change between two accesses of a page happened in
one of the calls between them.
"""

from __future__ import annotations

from ...lateclasses import dataclass, field
from .leftout import PAGE, Steps, expected_of, number_of, operation_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


WRITEPROTECT, CONTINUE = "uffdio_writeprotect", "uffdio_continue"
_FILL = frozenset(("uffdio_copy", "uffdio_zeropage", "uffdio_move", "uffdio_poison", "uffdio_continue"))
_EMPTY = frozenset(("munmap", "mmap"))
_EMPTYING = frozenset(("dontneed", "remove", "dontneed_locked"))
_MOST_PAGES = 1 << 16  # of one call that is followed page by page


@dataclass
class Untold:
    """A call without its range: where it stands, and what later answers say it did."""

    at: int
    pages: set[int] = field(default_factory=set)
    protects: bool | None = None


@dataclass
class _Page:
    known: int = 0  # the step since which the state is known
    protected: bool = False
    there: bool = False


@dataclass
class _Change:
    page: int
    protected: bool
    calls: list[Untold]


def writeprotects(steps: Steps) -> list[Untold]:
    """Each uffdio_writeprotect without a range, in order, with the pages that answers show it changed."""
    calls = [Untold(i) for i, s in enumerate(steps) if _lacks_range(s, WRITEPROTECT)]
    changes = _changes(steps, calls) if calls else []
    while changes:
        left = []
        for change in changes:
            fitting = [c for c in change.calls if c.protects in (None, change.protected)]
            typed = [c for c in fitting if c.protects is not None]
            if len(fitting) == 1 or typed:
                chosen = (typed or fitting)[0]
                chosen.protects = change.protected
                chosen.pages.add(change.page)
            elif fitting:
                left.append(change)
        if len(left) == len(changes):  # nothing decides: the last call before the access
            chosen = next(c for c in reversed(left[0].calls) if c.protects is None)
            chosen.protects = left[0].protected
        changes = left
    return calls


def _lacks_range(step: dict[str, Any], name: str) -> bool:
    operation, given = operation_of(step)
    return operation == name and "addr" not in given and "error" not in expected_of(step)


def _changes(steps: Steps, calls: list[Untold]) -> list[_Change]:
    """Every change of a page's write protection that accesses show, with the calls that may have made it."""
    pages: dict[int, _Page] = {}
    registered: list[tuple[int, int, bool, int]] = []
    out: list[_Change] = []
    for i, step in enumerate(steps):
        operation, given = operation_of(step)
        expect = expected_of(step)
        low, high = _range(given)
        if operation == "uffdio_register" and "error" not in expect:
            modes = given.get("mode")
            words = set(map(str, modes)) if isinstance(modes, list) else set()
            registered = [r for r in registered if not low <= r[0] < high]
            if "wp" in words:
                registered.append((low, high, "missing" in words, i))
        elif operation in ("read", "write"):
            at = given.get("addr", step.get(operation))
            if type(at) is not int:
                continue
            page = pages.setdefault(at & -PAGE, _Page())
            watched = next((r for r in registered if r[0] <= at < r[1]), None)
            trapped = expect.get("outcome") == "SIGBUS"
            if (
                watched is not None
                and operation == "write"
                and not (trapped and watched[2] and not page.there)
            ):
                if trapped != page.protected:
                    between = [c for c in calls if max(page.known, watched[3]) <= c.at < i]
                    if between:
                        out.append(_Change(at & -PAGE, trapped, between))
                page.known, page.protected = i, trapped
            page.there = page.there or expect.get("outcome") == "ok"
        elif operation == "uffdio_unregister" or _empties(operation, given):
            for page in _within(pages, low, high):
                page.known, page.protected = i, False
                page.there = page.there and operation == "uffdio_unregister"
        elif operation in _FILL and "error" not in expect and 0 < high - low <= _MOST_PAGES * PAGE:
            modes = given.get("mode")
            protects = isinstance(modes, list) and "wp" in map(str, modes)
            for place in range(low & -PAGE, high, PAGE):
                pages[place] = _Page(i, protects, True)
    return out


def _range(given: dict[str, Any]) -> tuple[int, int]:
    low = number_of(given, "dst") or number_of(given, "addr")
    return low, low + number_of(given, "length")


def _within(pages: dict[int, _Page], low: int, high: int) -> list[_Page]:
    return [page for at, page in pages.items() if low <= at < high]


def _empties(operation: str, given: dict[str, Any]) -> bool:
    return operation in _EMPTY or (operation == "madvise" and given.get("advice") in _EMPTYING)


def continued(steps: Steps, at: int, ranges: list[tuple[int, int]]) -> set[int]:
    """Pages that are there without a fault behind the uffdio_continue at step `at`, up to the next such call."""
    trapped: set[int] = set()
    passed: set[int] = set()
    for step in steps[at + 1 :]:
        name, given = operation_of(step)
        if name == CONTINUE:
            break
        addr = given.get("addr", step.get(name)) if name in ("read", "write") else None
        if type(addr) is not int or not any(low <= addr < high for low, high in ranges):
            continue
        expect = expected_of(step)
        if expect.get("outcome") == "SIGBUS":
            trapped.add(addr & -PAGE)
        elif expect.get("outcome") == "ok" and not expect.get("minor_faults"):
            passed.add(addr & -PAGE)
    return passed - trapped
