"""Two other sides: the kinds in which they differ are found, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from remaptrace.machine.machine import Machine
from remaptrace.native.hunting.sides import SidesHunter
from remaptrace.native.place import Place, release_of
from remaptrace.native.transport import Started
from remaptrace.native.verify import random_programs
from remaptrace.native.wire import Answer, Reply, Where

from .needs import needs_compiler


class Patched:
    """The running kernel, but for one kind of answer."""

    name = "a patched kernel"

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def ask(self, programs: Sequence[str], *, areas: bool = False) -> Reply:
        reply = Started().ask(programs, areas=areas)
        changed = [replace(a, text=a.text.replace(self.old, self.new)) for a in reply.answers]
        return Reply(reply.where, changed, reply.finished)


def choose(_where: Where) -> Place:
    return Place(Machine.load(), "for the test", {})


@needs_compiler
def test_a_kernel_differs_from_itself_in_nothing() -> None:
    hunter = SidesHunter(Started(), Started(), choose)
    hunted = hunter.hunt(random_programs(400, 3, ("merge", "fault", "errors", "layout")))
    assert hunted.kinds == {}
    assert (hunted.agreeing, hunted.programs) == (8, 8)


@needs_compiler
def test_an_answer_that_one_side_gives_otherwise_is_a_kind_with_its_smallest_program() -> None:
    hunter = SidesHunter(Started(), Patched(" E 12\n", " E 22\n"), choose)
    hunted = hunter.hunt(random_programs(100, 5, ("merge",)))
    assert hunted.kinds
    for kind, found in hunted.kinds.items():
        assert (kind.what, kind.there, kind.here) == ("result", "ENOMEM", "EINVAL")
        assert len(found.example.steps) <= 2  # the call, and what makes its class of arguments
        assert found.verdict is not None
        assert "error: ENOMEM" in found.verdict.text


@needs_compiler
def test_an_area_that_one_side_has_otherwise_is_found() -> None:
    hunter = SidesHunter(Started(), Patched(" rw-p ", " r--p "), choose)
    hunted = hunter.hunt(random_programs(60, 2, ("merge",)))
    assert {(k.what, k.there, k.here) for k in hunted.kinds} == {("areas", "perms rw-p", "perms r--p")}


@needs_compiler
def test_a_program_that_ends_on_one_side_alone_is_a_kind() -> None:
    class Dies(Patched):
        def ask(self, programs: Sequence[str], *, areas: bool = False) -> Reply:
            reply = super().ask(programs, areas=areas)
            return replace(reply, answers=[Answer(a.text.split("= 3")[0], "signal 9") for a in reply.answers])

    hunted = SidesHunter(Started(), Dies("", ""), choose).hunt(random_programs(20, 2, ("merge",)))
    assert {(k.what, k.there) for k in hunted.kinds} == {("end", "signal 9")}


def test_debian_names_the_stable_release_in_the_version_of_uname() -> None:
    facts = {
        "release": "6.1.0-57-cloud-amd64",
        "version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-3 (2026-11-26)",
    }
    assert release_of(Where(facts)) == "6.1.192"
    assert (
        release_of(Where({"release": "6.8.0-31-generic", "version": "#31-Ubuntu SMP"})) == "6.8.0-31-generic"
    )
