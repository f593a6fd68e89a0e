"""The programs for others: scenario, C program and plain JSON of each, an index, a Makefile and words on their use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from .. import errorcodes as ec
from ..errors import InputError
from ..outfile import write_file
from ..trace.reproducer.cfile import write_c
from .corpus import Conformance


class Row(TypedDict):
    """One program in lists and in index.json."""

    kernel: str  # whose answers
    name: str
    about: str
    arch: str
    steps: int
    portable: bool  # there is a C program of it
    why_not: str  # the reason without one


def describe(program: Conformance) -> tuple[Row, str]:
    """The program's row, and its C; empty without one."""
    trace = program.trace()
    document = program.document()
    row: Row = {
        "kernel": program.kernel,
        "name": program.name,
        "about": str(document.get("about", "")),
        "arch": str(document.get("arch", "")),
        "steps": len(document["steps"]),
        "portable": True,
        "why_not": "",
    }
    try:
        return row, "".join(write_c(trace))
    except InputError as reason:
        row["portable"] = False
        row["why_not"] = reason.problem
        return row, ""


def export(programs: Sequence[Conformance], folder: str) -> list[Row]:
    """Write `programs` into `folder`, which is made: KERNEL/NAME.yaml, .c, .json; index.json; Makefile; README.

    Raises InputError (RT502) where something cannot be written. Files that are there are replaced.
    """
    rows = []
    try:
        for program in programs:
            row, code = describe(program)
            rows.append(row)
            place = Path(folder) / program.kernel
            place.mkdir(parents=True, exist_ok=True)
            _write(place / f"{program.name}.yaml", program.text)
            _write(place / f"{program.name}.json", _json(program.document()))
            if code:
                _write(place / f"{program.name}.c", code)
        _write(Path(folder) / "index.json", _json({"schema": "remaptrace/conformance/1", "programs": rows}))
        _write(Path(folder) / "Makefile", _MAKEFILE)
        _write(Path(folder) / "README", _README)
    except OSError as error:
        where = error.filename or folder
        raise InputError(ec.RT_OUTPUT, f"cannot write: {error.strerror}", str(where)) from None
    return rows


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    write_file(path, [text.encode("utf-8", "surrogateescape")])


_MAKEFILE = """\
# make KERNEL=linux-6.18: builds and runs the programs with the answers of that kernel, and adds up.
KERNEL ?= linux-6.18
CC ?= gcc
CFLAGS ?= -O1 -static -no-pie -fno-stack-protector
RUN ?=
PROGRAMS := $(patsubst %.c,%,$(wildcard $(KERNEL)/*.c))

check: $(PROGRAMS:=.ktap)
\t@echo "$$(cat $(PROGRAMS:=.ktap) | grep -c '^ok') ok, $$(cat $(PROGRAMS:=.ktap) | grep -c '^not ok') not ok"
\t@! grep -H '^not ok' $(PROGRAMS:=.ktap)

$(PROGRAMS): %: %.c
\t$(CC) $(CFLAGS) -o $@ $<

$(PROGRAMS:=.ktap): %.ktap: %
\t-$(RUN) $< > $@

clean:
\trm -f $(PROGRAMS) $(PROGRAMS:=.ktap)

.PHONY: check clean
"""

_README = """\
Conformance programs of remaptrace: memory calls and accesses with the answers of real kernels.

KERNEL/NAME.yaml  the program and its answers; `remaptrace check` replays it
KERNEL/NAME.json  the same as JSON, for other readers: steps in order, each an operation with its arguments and `expect`
KERNEL/NAME.c     one C file without dependencies that does the steps on the kernel it runs on and writes KTAP;
                  not there for programs that need what a program cannot do (index.json says what)
index.json        all of them

make KERNEL=linux-6.18               build and run those of 6.18 on the running kernel
make KERNEL=linux-6.18 RUN=qemu-x86_64   the same under an emulator or sandbox

An address written as @5+0x1000 is what step 5 returned, plus 0x1000. Steps count from 0. `vmas` are areas as
/proc/PID/maps shows them: those that the program made, and [heap] where the break is part of it.
"""
