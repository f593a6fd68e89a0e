"""Phrases that several reports share: places, agreements, outcomes, lists."""

from __future__ import annotations

from collections.abc import Sequence

from ..counting import counted, number
from ..trace.wording import counts_are_lower_bounds, counts_may_be_others, may_change_areas
from .errortext import printable
from .layout import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ..abi.places import Place
    from .documents.advise import RemedyFacts
    from .documents.run import Agreement, GroundAnswers, GroundFaults, InFile, MachineFacts, Run, SourcePlace

COMPARED = {
    "answers": ("answer", "answers"),
    "map_counts": ("map count", "map counts"),
    "counters": ("counter", "counters"),
    "map_lines": ("map line", "map lines"),
    "map_files": ("map file", "map files"),
    "map_flags": ("VmFlags line", "VmFlags lines"),
    "faults": ("fault", "faults"),
    "steps": ("step", "steps"),
    "host_calls": ("host call", "host calls"),
    "host_frames": ("frame kept or replaced", "frames kept or replaced"),
    "end_areas": ("list of areas at the end", "lists of areas at the end"),
}
"""Nouns for what an agreement compares."""


def file_place(at: InFile) -> str:
    """``file:line`` as short as it still says where; the whole path is in the JSON."""
    name = printable(str(at["file"])).rpartition("/")[2]
    return f"{name}:{at['line']}" if at["line"] else name


def line_place(at: InFile, sources: Sequence[str]) -> str:
    """``line N`` where the trace has one source, which the report names at its top, else ``file:line``."""
    return f"line {at['line']}" if len(sources) == 1 and at["line"] else file_place(at)


def full_place(at: InFile) -> str:
    """``file:line`` with the path as it was given, to paste."""
    name = printable(str(at["file"]))
    return f"{name}:{at['line']}" if at["line"] else name


def event_place(at: Place | SourcePlace, sources: Sequence[str] = ()) -> str:
    """Process, event and place in the source."""
    words = []
    if at.get("pid") or at.get("tid"):
        words.append(f"pid {at.get('pid') or at.get('tid')}")
    if at["event"] >= 0:
        words.append(f"event {number(at['event'])}")
    where = line_place(at, sources) if at["line"] else file_place(at)
    return "  ".join([*words, where] if where else words)


def process_words(pid: int, name: str) -> str:
    """A process in front of its numbers: ``4242 sh``; of a log without ids its name, or ``the process``."""
    return f"{pid or ''} {printable(name)}".strip() or "the process"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def _one_and_many(what: str) -> tuple[str, str]:
    plain = what.replace("_", " ")
    return COMPARED.get(what, (plain, plain))


def noun(what: str, count: int) -> str:
    """A count of what was compared."""
    return counted(count, *_one_and_many(what))


def nouns(what: str) -> str:
    """What was compared, without a count."""
    return _one_and_many(what)[1]


def agreement_phrase(agreement: Agreement) -> Span:
    """One sentence: does it agree with the truth, and how much was compared."""
    if agreement["error"]:
        return f"Not replayed: {agreement['error']['code']}: {agreement['error']['problem']}", "bad"
    compared = {k: t for k, t in agreement["compared"].items() if t["total"]}
    if not compared:
        return "Nothing to compare with: the source has no recorded answers or expectations.", "warn"
    truth = "expected" if agreement["kind"] == "program" else "recorded"
    wrong = {k: t for k, t in compared.items() if t["agree"] != t["total"]}
    right = listed([noun(k, t["total"]) for k, t in compared.items() if k not in wrong])
    if not wrong and rests_on_nothing(agreement):
        return f"Agrees, but shows nothing: {right}.", "warn"
    if not wrong:
        return f"All as {truth}: {right}.", "good"
    parts = [f"{number(t['total'] - t['agree'])} of {noun(k, t['total'])}" for k, t in wrong.items()]
    text = f"Not as {truth}: {listed(parts)}"
    return (f"{text}; as {truth}: {right}." if right else f"{text}."), "bad"


def rests_on_nothing(agreement: Agreement) -> bool:
    """True if everything that agrees does so by construction."""
    ground = agreement.get("ground")
    compared = {k for k, t in agreement["compared"].items() if t["total"]}
    if ground is None or not compared <= {"answers", "faults"}:
        return False
    return not (ground["answers"]["free"] or ground["faults"]["free"] or ground["faults"]["kind"])


_ASSUMED_FROM = 10
"""Per cent of the areas at the peak from which being assumed is a warning."""

_WRITES_UNSEEN = (
    "Which memory was written is not recorded: where anonymous areas join is told from the calls alone."
)

_TRUTHS = {"map_counts": "VMA counts", "map_lines": "maps", "faults": "faults"}


def ground_phrases(facts: Run) -> list[tuple[str, str]]:
    """What the verdict of a run rests on, in sentences with their styles: agreements that were open, what has
    no truth, which share of the peak is assumed, or why nothing was compared."""
    out: list[tuple[str, str]] = []
    if derived := derived_phrase(facts["machine"]):
        out.append((derived, "warn" if facts["machine"]["ground"]["undecided"] else "dim"))
    if facts["not_compared"] and facts["trace"]["recorded"] and not facts["agreement"]:
        tell = "" if "rewritten" in facts["not_compared"] else "; check compares with any machine"
        out.append((f"Not compared with the recording: {facts['not_compared']}{tell}.", "warn"))
    ground = facts["agreement"]["ground"] if facts["agreement"] else None
    if ground:
        out += _answers_ground(ground["answers"])
        out += _faults_ground(ground["faults"])
        if ground["no_truth"]:
            names = listed([_TRUTHS[what] for what in ground["no_truth"]])
            out.append((f"{names}: no truth in this recording{_remedy(ground['no_truth'])}.", "dim"))
    taken = facts.get("taken_refusals", 0)
    if taken and facts["agreement"]:
        text = f"{counted(taken, 'refusal')} {'is' if taken == 1 else 'are'} taken from the recording: nothing that it"
        out.append((f"{text} shows before explains {'it' if taken == 1 else 'them'}; see below.", "warn"))
    if counts_may_be_others(facts["notes"]):
        text = "VMA counts may be others than the kernel's: calls are missing, or their order is not told, see below."
        out.append((text, "warn"))
    elif counts_are_lower_bounds(facts["notes"]):
        out.append(("VMA counts are at least these: the log does not show all areas, see below.", "warn"))
    out += _unread(facts)
    peak = facts["peak"]
    if peak and (assumed := peak["of_them"]["assumed"]):
        share = 100 * assumed / peak["vmas"]
        of_all = f"{number(assumed)} of {counted(peak['vmas'], 'area')} at the peak ({share:.0f} %)"
        are, them = ("is", "it") if assumed == 1 else ("are", "them")
        text = f"{of_all} {are} assumed: no call of the log made {them}."
        out.append((text, "warn" if share >= _ASSUMED_FROM else "dim"))
    if ground and "map_counts" in ground["no_truth"] and facts["not_recorded"]:
        out.append((_WRITES_UNSEEN, "dim"))
    return out


def _unread(facts: Run) -> list[tuple[str, str]]:
    """What of a log is not in the answer: in front, because the answer is about the rest alone."""
    lines, calls = facts["trace"]["skipped"]["lines"], facts["not_modelled"]
    found = []
    if lines:
        text = f"{counted(lines, 'line')} of the log could not be read, see below."
        found.append((text, "warn"))
    if calls:
        many = counted(sum(c["count"] for c in calls), "call")
        others = any(may_change_areas(c["name"]) for c in calls)
        so = ", so that VMA counts may be others than the kernel's" if others else ""
        found.append((f"{many} of kinds that are not modelled had no effect{so}, see below.", "warn"))
    return found


def derived_phrase(machine: MachineFacts) -> str:
    """On what the rules of a kernel rest that is no preset; empty for a preset."""
    ground = machine["ground"]
    if not ground["derived"]:
        return ""
    asked, read, unknown = ground["asked"], ground["read"], ground["undecided"]
    by_asking = (
        f"{number(len(asked))} were asked of a running kernel" if asked else "none was asked of a kernel"
    )
    text = f"Rules of {machine['kernel']}: {by_asking}, {number(len(read))} read in source"
    if unknown:
        text += f"; not known at this version, so the older value: {', '.join(unknown)}"
    return f"{text}."


def _remedy(missing: Sequence[str]) -> str:
    """How to record what has no truth."""
    if "map_lines" in missing:
        return "; save maps beside the log, or use record"
    return "; record page faults to check them" if list(missing) == ["faults"] else ""


def _answers_ground(answers: GroundAnswers) -> list[tuple[str, str]]:
    """How the answers that agree came to do so."""
    total = answers["free"] + answers["placed"] + answers["assumed"] + answers["guessed"]
    if not total:
        return []
    ways: list[tuple[Literal["placed", "assumed", "guessed"], str, str]] = [
        ("placed", "is an address taken from the recording", "are addresses taken from the recording"),
        ("assumed", "rests on what it made us assume", "rest on what they made us assume"),
        (
            "guessed",
            "agrees only because that memory is unknown",
            "agree only because that memory is unknown",
        ),
    ]
    parts = [
        f"{number(answers[w])} {one if answers[w] == 1 else many}" for w, one, many in ways if answers[w]
    ]
    if not parts:
        return []
    if not answers["free"]:
        return [(f"No answer could have come out otherwise: {listed(parts)}.", "warn")]
    text = f"{number(answers['free'])} of {noun('answers', total)} could have come out otherwise; {listed(parts)}."
    return [(text, "dim")]


def _faults_ground(faults: GroundFaults) -> list[tuple[str, str]]:
    """How the page faults that agree came to do so."""
    if not faults["kind"] and not faults["assumed"]:
        return []
    rest = "rests on what it" if faults["assumed"] == 1 else "rest on what they"
    assumed = f"{number(faults['assumed'])} {rest} made us assume" if faults["assumed"] else ""
    could = faults["free"] + faults["kind"]
    if not could:
        return [(f"No fault could have come out otherwise: {assumed}.", "warn")]
    text = f"{number(could)} of {noun('faults', could + faults['assumed'])} could have come out otherwise"
    if faults["kind"]:
        which = f"{number(faults['kind'])} of them" if faults["free"] else "all"
        text += f", {which} by their place alone (read or write is not recorded)"
    return [(f"{text}; {assumed}." if assumed else f"{text}.", "dim")]


def outcome_word(outcome: str) -> str:
    """An outcome as the reports show it: without the prefixes that every reader knows."""
    return outcome.replace("SIGSEGV/SEGV_", "SIGSEGV/").replace("SIGBUS/BUS_", "SIGBUS/")


def saved_words(remedy: RemedyFacts, digits: int = 0) -> str:
    """The share that a remedy saves; raising the limit saves nothing, and is a cure for bounded programs."""
    return (
        "no saving: a cure if bounded"
        if remedy["name"] == "limit"
        else f"{100 * remedy['saved']:.{digits}f} %"
    )
