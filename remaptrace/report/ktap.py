"""KTAP of a check (Documentation/dev-tools/ktap.rst): what the test tools of the kernel read.

One test a scenario or recorded set; what was compared of each is a nested test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errortext import printable
from .phrases import full_place

if TYPE_CHECKING:
    from .documents.check import Check as Facts
    from .documents.run import Agreement
    from .documents.verify import Verify

_INDENT = "  "


def check_ktap(facts: Facts) -> str:
    """The whole text. Nothing to compare with is a SKIP; an unreadable input is a failure with its code."""
    lines = ["KTAP version 1", f"1..{len(facts['outcomes'])}"]
    for number, outcome in enumerate(facts["outcomes"], 1):
        lines += _test(number, outcome)
    return "".join(line + "\n" for line in lines)


def _test(number: int, outcome: Agreement) -> list[str]:
    name = _name(outcome["path"])
    compared = outcome["compared"] or {}
    if outcome["error"]:
        error = outcome["error"]
        return [f"# {error['code']}: {_text(error['problem'])}", f"not ok {number} {name}"]
    if not compared:
        why = outcome["notes"][0] if outcome["notes"] else "nothing to compare with"
        return [f"ok {number} {name} # SKIP {_text(why)}"]
    lines = [f"{_INDENT}KTAP version 1", f"{_INDENT}1..{len(compared)}"]
    for inner, (what, tally) in enumerate(compared.items(), 1):
        fine = tally["agree"] == tally["total"]
        lines.append(f"{_INDENT}# {tally['agree']} of {tally['total']} agree")
        lines.append(f"{_INDENT}{'ok' if fine else 'not ok'} {inner} {_name(what)}")
    for found in outcome["differences"]:
        said = f"{full_place(found['at'])}: {found['call']}: {found['what']}"
        lines.append(
            f"# {_text(said)}: expected {_text(found['expected'])}, simulated {_text(found['simulated'])}"
        )
    lines.append(f"{'ok' if outcome['agrees'] else 'not ok'} {number} {name}")
    return lines


def _name(text: str) -> str:
    """A description: '#' begins a directive there."""
    return _text(text).replace("#", "_")


def _text(text: str) -> str:
    return " ".join(printable(str(text)).split())


def verify_ktap(facts: Verify) -> str:
    """A test a program that both sides did, nested; a subject that could not be asked is a SKIP with its reason."""
    outcomes, skipped = facts["outcomes"], facts["skipped"]
    lines = ["KTAP version 1", f"1..{len(outcomes) + len(skipped)}"]
    lines += [f"# {_text(facts['other']['name'])}: {_text(facts['other']['kernel'])}"]
    for number, outcome in enumerate(outcomes, 1):
        lines += _test(number, outcome)
    for number, (name, why) in enumerate(skipped.items(), len(outcomes) + 1):
        lines.append(f"ok {number} {_name(name)} # SKIP {_text(why)}")
    for kind in facts["kinds"]:
        words = (
            f"{kind['call']} ({kind['arguments']}) {kind['what']}: there {kind['there']}, here {kind['here']}"
        )
        lines.append(f"# {kind['count']} times {_text(words)}")
        lines += [f"#   rule {r['rule']}: {r['there']} there, {r['here']} here" for r in kind["rules"]]
    return "".join(line + "\n" for line in lines)
