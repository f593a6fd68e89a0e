"""What goes to the runner and what comes back: many programs in one start, each with its own end.

In: each program behind a line ``program BYTES MILLISECONDS FLAGS``. Out: lines ``where KEY VALUE`` up to
``ready``, then for each program ``program N``, its answers, ``ended HOW``; ``finished`` at last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..lateclasses import dataclass, field

PROTOCOL = "2"
SECONDS = 30.0
"""What a program may take, in seconds, before it is ended."""
FLAG_AREAS = 1
PROGRAM_BYTES = (4 << 20) - 1
"""Bytes of one program that the runner takes."""
PROGRAM_STEPS = 20000
"""Steps of one program that the runner does."""


@dataclass(frozen=True)
class Where:
    """What the kernel that ran the programs says of itself and of the runner's process.

    `facts` has the runner's own words: nonce, sysname, release, version, machine, exe, thread_exe, execfn, platform,
    vdso, page (bytes), pid, personality, brk, home, and settings (vm.max_map_count, thp.enabled, ...). `executable` is
    what ran in the runner's place as seen from outside, empty where nobody could look.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    executable: str = ""

    @property
    def emulated(self) -> bool:
        """Whether another program ran in the runner's place: an emulator, not the kernel, answered.

        Seen from outside, or by the runner itself: what it is called in /proc/self is what an emulator says,
        in /proc/thread-self what the kernel below it says.
        """
        if self.executable != "":
            return self.executable != self.facts.get("runner", self.executable)
        seen, below = self.facts.get("exe", ""), self.facts.get("thread_exe", "")
        return seen != "" and below not in ("", seen)

    @property
    def interpreter(self) -> str:
        """What ran in the runner's place, where something did."""
        return (self.executable or self.facts.get("thread_exe", "")) if self.emulated else ""

    @property
    def kernel(self) -> str:
        """``Linux 6.1.176 x86_64``."""
        return " ".join(self.facts.get(key, "") for key in ("sysname", "release", "machine")).strip()


@dataclass(frozen=True)
class Answer:
    """What one program was answered. `ended`: ok, late, "signal N", "exit N", "fork N", or missing."""

    text: str
    ended: str = "ok"


@dataclass(frozen=True)
class Reply:
    """What came back from one start of the runner, or from several of the same place."""

    where: Where
    answers: list[Answer]
    finished: bool


def framed(programs: Sequence[str], *, seconds: float = SECONDS, areas: bool = False) -> bytes:
    """`programs` (see `program.to_lines`) as the runner reads them from its standard input.

    With `areas` it says the list of areas behind every step that changed it.
    """
    flags = FLAG_AREAS if areas else 0
    out = []
    for program in programs:
        data = program.encode()
        out.append(b"program %d %d %d\n" % (len(data), max(1, int(seconds * 1000)), flags) + data)
    return b"".join(out)


def unframed(data: bytes, executable: str = "", runner: str = "") -> Reply | None:
    """What the runner wrote, also where it broke off; None if there is no word of a runner in it.

    `executable` is what was seen to run, `runner` the file that was meant to.

    Text in front of the runner's first line (of a console, of a wrapper) is passed over, and so are carriage
    returns, which a serial line adds.
    """
    lines = data.decode("utf-8", "surrogateescape").replace("\r", "").split("\n")
    try:
        at = lines.index(f"runner {PROTOCOL}")
    except ValueError:
        return None
    facts: dict[str, str] = {"runner": runner} if runner else {}
    answers: list[Answer] = []
    body: list[str] | None = None
    finished = False
    for line in lines[at + 1 :]:
        if body is not None:
            if line.startswith("ended "):
                answers.append(Answer("\n".join(body), line[6:]))
                body = None
            else:
                body.append(line)
        elif line.startswith("where "):
            key, _, value = line[6:].partition(" ")
            facts[key] = value
        elif line.startswith("program "):
            body = []
        elif line == "finished":
            finished = True
            break
    if body is not None:
        answers.append(Answer("\n".join(body), "missing"))
    return Reply(Where(facts, executable), answers, finished)
