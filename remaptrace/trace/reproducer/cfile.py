"""The whole C file: head, helpers, program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..events import Trace
from .program import Program
from .prune import without_unused

_PARTS = Path(__file__).with_name("parts")
_BUILD = "gcc -O1 -static -no-pie -fno-stack-protector"


def write_c(trace: Trace, kernel: str = "", *, kselftest: bool = False) -> Iterator[str]:
    """The lines of a C program that does the steps of `trace` and compares every answer.

    `kernel`: whose answers are expected of steps that have some for single machines. With `kselftest` it is
    one TEST for the harness of tools/testing/selftests, else a program of its own that writes KTAP and ends
    with 0 (all answers agree), 1 or 4 (skipped). InputError RT221 for a trace with steps that a program
    cannot do, or answers that it cannot see: never thinned out.
    """
    program = Program(trace, kernel or trace.kernel or "")
    tests = program.tests
    body = "".join((*_body(program), *_main(program, tests, kselftest)))
    parts = [(_PARTS / part).read_text(encoding="utf-8") for part in _parts(program, kselftest)]
    yield from _head(program, kselftest)
    yield without_unused("\n".join(parts), body).rstrip("\n") + "\n\n"
    yield body


def _parts(program: Program, kselftest: bool) -> list[str]:
    parts = ["core.c", "kselftest.c" if kselftest else "ktap.c", "access.c", "lines.c"]
    parts += [f"{name}.c" for name in ("files", "fork", "areas", "pages") if name in program.uses]
    return [*parts, "layout.c"] if program.layout.used else parts


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("\n", " ")


def _head(program: Program, kselftest: bool) -> Iterator[str]:
    trace = program.trace
    yield "// SPDX-License-Identifier: GPL-2.0\n/*\n"
    yield f" * {_comment(trace.name or 'program')}{': ' + _comment(trace.about) if trace.about else ''}\n *\n"
    whose = f" of {trace.kernel}" if trace.kernel else ""
    yield f" * Memory calls and the answers{whose}, written by remaptrace. As root:\n"
    yield f" *\t{_BUILD} -o reproducer FILE.c && ./reproducer\n */\n"
    yield "#define _GNU_SOURCE\n"
    if kselftest:
        yield '#include "../kselftest_harness.h"\n'
    yield f"#define PAGE {program.page_size}\n#define STEPS {program.steps}\n"
    letters = max(program.most_letters, program.most_pages if "resident" in "".join(program.lines) else 1)
    yield f"#define MOST_PAGES {letters}\n"
    yield f"#define SHOW_HEAP {int(program.layout.heap_shown)}\n\n"


def _body(program: Program) -> Iterator[str]:
    definitions = program.definitions()
    if definitions:
        yield "\n".join(definitions) + "\n\n"
    if program.variables:
        yield "static int " + ", ".join(f"{name} = CLOSED" for name in program.variables) + ";\n\n"
    yield "static void program(void)\n{\n"
    for line in (*program.head, *program.lines, *program.final):
        yield f"\t{line}\n"
    yield "}\n\n"


def _main(program: Program, tests: int, kselftest: bool) -> Iterator[str]:
    start = ["catch_signals();"]
    if program.layout.used:
        start.append("find_layout();")
    start += ["warm_up();", "remember_own_areas();"]
    if program.layout.used:
        start.append("measure_own_areas();")
    if kselftest:
        name = "".join(ch if ch.isalnum() else "_" for ch in program.trace.name) or "program"
        yield "__attribute__((constructor)) static void fixed_addresses(int argc, char **argv, char **envp)\n"
        yield "{\n\t(void)argc;\n\twithout_randomisation(argv, envp);\n}\n\n"
        yield f"TEST(remaptrace_{name})\n{{\n\tthe_test = _metadata;\n"
        yield "\tif (sysconf(_SC_PAGESIZE) != PAGE)\n"
        yield '\t\tSKIP(return, "pages are of another size");\n'
        yield "".join(f"\t{line}\n" for line in start)
        yield "\tprogram();\n}\n\nTEST_HARNESS_MAIN\n"
        return
    yield "int main(int argc, char **argv, char **envp)\n{\n\t(void)argc;\n"
    yield "\twithout_randomisation(argv, envp);\n"
    yield '\tif (sysconf(_SC_PAGESIZE) != PAGE)\n\t\tskip_all("pages are of another size");\n'
    yield "\talarm(60);\n"
    yield "".join(f"\t{line}\n" for line in start)
    yield f'\tput("KTAP version 1\\n1..{tests}\\n");\n\tflush();\n'
    yield "\tprogram();\n\tend_step();\n\treturn failures ? 1 : 0;\n}\n"
