"""What the kernel in front does not have: subjects of random programs that cannot be asked of it, each with why.

A small program asks for each; its answers tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from ..errorcodes import RT_NATIVE_PLACE
from .steps import Program, Step, mmap, ranged
from .subjects.special import KINDS as SPECIAL_KINDS_ASKED
from .transport import Transport
from .verify import Asked
from .verify import ask as ask_programs
from .window import BASE, PAGE

Expects = list[dict[str, Any]]
Ask = Callable[[list[Step]], Expects]
"""Does a program on the kernel in front and gives the fields that each step answered."""

_AREA = mmap(BASE, PAGE, "rw", ["private", "fixed", "anonymous"])


def _sysv(ask: Ask) -> str:
    answer = ask([{"shmget": {"key": 0, "size": PAGE, "flags": 0o600}}])[0]
    if "error" in answer:
        return f"no System V segments here: shmget answers {answer['error']}"
    return "" if answer["result"] == 0 else "no right to a namespace of System V segments of one's own"


def _numa(ask: Ask) -> str:
    bind = {"mode": ["interleave"], "maxnode": 64, "flags": []}
    one, two = ask(
        [_AREA, ranged("mbind", BASE, PAGE, nodes=1, **bind), ranged("mbind", BASE, PAGE, nodes=2, **bind)]
    )[1:]
    if "error" in one:
        return f"no NUMA policies here: mbind answers {one['error']}"
    return "" if "error" in two else "more than one NUMA node here; the programs are about machines with one"


def _uffd(ask: Ask) -> str:
    made, agreed = ask(
        [
            {"userfaultfd": {"id": "u", "flags": 0}},
            {"uffdio_api": {"fd": "u", "features": 0x1FFFF, "version": 0xAA}},
        ]
    )
    if "error" in made:
        return f"no userfaultfd for this user: it answers {made['error']}"
    # the events of fork, remap, remove and unmap are among them: no program asks for these
    return (
        f"features of userfaultfd are missing: UFFDIO_API answers {agreed['error']}"
        if "error" in agreed
        else ""
    )


def _names(ask: Ask) -> str:
    answer = ask([_AREA, ranged("vma_name", BASE, PAGE, name="x")])[1]
    if "error" in answer:
        return f"no names of memory here (CONFIG_ANON_VMA_NAME): prctl answers {answer['error']}"
    return ""


def _keys(ask: Ask) -> str:
    answer = ask([{"pkey_alloc": {"flags": 0, "rights": 0}}])[0]
    if "error" not in answer:
        return (
            "the processor has protection keys, about which the programs of `pkeys` are; these are about none"
        )
    if answer["error"] != "EINVAL":
        return f"no calls of protection keys here: pkey_alloc answers {answer['error']}"
    return ""


def _pkeys(ask: Ask) -> str:
    answer = ask([{"pkey_alloc": {"flags": 0, "rights": 0}}])[0]
    return f"no protection keys here: pkey_alloc answers {answer['error']}" if "error" in answer else ""


def _disk(ask: Ask) -> str:
    answer = ask([{"diskfile": {"id": "d", "pages": 1, "fill": True}}])[0]
    return f"no file on a disk can be made there: {answer['error']}" if "error" in answer else ""


def _huge(ask: Ask) -> str:
    """The pool is the whole machine's: only one that nobody uses may be changed, and only by root."""
    before = ask([{"hugepages": {}}])[0]
    if before["total"] != 0:
        return f"the pool of huge pages is in use: {before['total']} pages of 2 MiB, {before['free']} of them free"
    set_size = {"sysctl": {"name": "vm.nr_hugepages", "value": 1}}
    set_limit = {"sysctl": {"name": "vm.nr_overcommit_hugepages", "value": 0}}
    size, limit, pool = ask([set_size, set_limit, {"hugepages": {}}])
    for answer in (size, limit):
        if "error" in answer:
            return f"the pool of huge pages cannot be set by this user: {answer['error']}"
    return "" if pool["total"] == 1 else "no page of 2 MiB to be had for the pool"


def missing_kinds(ask: Ask) -> dict[str, str]:
    """The kinds of special files that cannot be made here, with why."""
    found = {}
    unknown: _Unknown | None = None
    for kind in SPECIAL_KINDS_ASKED:
        try:
            answer = ask([{"special_file": {"id": "f", "kind": kind, "pages": 1, "entries": 1}}])[0]
        except _Unknown as waiting:
            unknown = waiting
            continue
        if "error" in answer:
            found[kind] = f"no such descriptor for this user: {answer['error']}"
    if unknown is not None:
        raise unknown
    return found


def _special(ask: Ask) -> str:
    missing = missing_kinds(ask)
    return "" if len(missing) < len(SPECIAL_KINDS_ASKED) else "no special file can be made by this user"


_QUESTIONS: dict[str, Callable[[Ask], str]] = {
    "sysv": _sysv,
    "numa": _numa,
    "uffd": _uffd,
    "special": _special,
    "huge": _huge,
    "disk": _disk,
    "names": _names,
    "keys": _keys,
    "pkeys": _pkeys,
}


class _Unknown(Exception):
    """A question whose answer is not there yet."""


def asked_together(profiles: Iterable[str], transport: Transport) -> Ask:
    """An `ask` for the questions about `profiles`, all of which were asked in as few starts as can be.

    A kernel image takes seconds to boot. Raises what running a program raises.
    """
    known: dict[str, Expects] = {}
    wanted: dict[str, list[Step]] = {}

    def look(steps: list[Step]) -> Expects:
        key = repr(steps)
        if key not in known:
            wanted[key] = steps
            raise _Unknown
        return known[key]

    questions = [_QUESTIONS[profile] for profile in profiles if profile in _QUESTIONS]
    while True:
        for question in questions:
            with suppress(_Unknown):
                question(look)
        if not wanted:
            return look
        _, asked = ask_programs([Program("", steps, whole=False) for steps in wanted.values()], transport)
        known |= {key: _expects(one) for key, one in zip(wanted, asked, strict=True)}
        wanted.clear()


def _expects(asked: Asked) -> Expects:
    """What was answered; a place where a step cannot be done at all is an answer, too."""
    failure = asked.failure
    if asked.run is None and failure is not None and failure.code == RT_NATIVE_PLACE:
        return [{"error": str(failure.found)} for _ in asked.program.steps]
    return asked.answered().expects


def lacking(profiles: Iterable[str], ask: Ask) -> dict[str, str]:
    """Those of `profiles` that the kernel in front lacks something for, with what that is.

    Raises what running a program raises (UsageError, InputError).
    """
    found: dict[str, str] = {}
    for profile in profiles:
        why = _QUESTIONS[profile](ask) if profile in _QUESTIONS else ""
        if why:
            found[profile] = why
    return found
