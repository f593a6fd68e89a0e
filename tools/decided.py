"""Writes remaptrace/machine/versions/decided.py: which rules of which preset a running kernel decided.

    python -m tools.decided linux-6.18=probed.yaml linux-7.2 i386/linux-2.6.20=linux-2.6.20-i386

`PRESET=FILE` takes the rules that `remaptrace probe -o FILE` decided there; `[ARCH/]PRESET[=FOLDER]` those that the
stored answers of traces/conformance/FOLDER decide. A rule whose value there is not the preset's stops it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from remaptrace.conformance.corpus import corpus
from remaptrace.machine.kernel import parse_rule
from remaptrace.machine.load import load_kernel
from remaptrace.machine.machine import Machine
from remaptrace.machine.rules import RULES
from remaptrace.probe.case import Case
from remaptrace.probe.evidence import weigh

_HEAD = '''"""Rules by preset that a running kernel decided: another value contradicts an answer (tools/decided.py)."""

from __future__ import annotations

DECIDED: dict[str, frozenset[str]] = {
    kernel: frozenset(names.split())
    for kernel, names in {
'''


_CONFIGURED = frozenset({"memory_failure", "anon_vma_name"})
"""Rules that an option of the configuration decides: a kernel says nothing of them for its release."""


def probed(path: str, preset: str) -> list[str]:
    """The rules decided in a file that `probe` wrote. SystemExit where a value is not the preset's."""
    values = load_kernel(preset).values
    out = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        found = re.match(r"  (\w+): (\S+)  # ?(?:\(.*? in \S+\) )?not ", line)
        if found and RULES[found[1]].kind != "int" and found[1] not in _CONFIGURED:
            if parse_rule(RULES[found[1]], found[2]) != values[found[1]]:
                raise SystemExit(f"{preset}: {found[1]} is {found[2]} there")
            out.append(found[1])
    return out


def stored(folder: str, preset: str, arch: str) -> list[str]:
    """The rules that stored answers decide."""
    cases = [Case(p.name, p.text) for p in corpus(folder)]
    return [
        v.rule
        for v in weigh(cases, Machine.load(arch, preset)).values()
        if v.decided and RULES[v.rule].kind != "int"
    ]


def main(words: list[str]) -> None:
    """Print the module."""
    print(_HEAD, end="")
    for word in words:
        name, _, source = word.partition("=")
        arch, _, preset = name.rpartition("/")
        found = (
            probed(source, preset)
            if source.endswith(".yaml")
            else stored(source or preset, preset, arch or "x86_64")
        )
        print(f'        "{preset}": """')
        line = "           "
        for rule in sorted(found):
            if len(line) + len(rule) > 106:
                print(line)
                line = "           "
            line += f" {rule}"
        print(f'{line}\n        """,')
    print("    }.items()\n}")
    print('"""Yes/no and choice rules; the values themselves are those of the preset."""')


if __name__ == "__main__":
    main(sys.argv[1:])
