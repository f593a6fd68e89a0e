"""Programs taken to a machine without Python, and the answers that it brought back.

`export` writes a folder with the static runner, the programs and a shell script that needs nothing else; what the
script leaves in `answers.txt` is read by `Folder`, which answers these programs and no others.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import errorcodes as ec
from ..errors import InputError
from ..outfile import write_file
from .launch import runner
from .program import to_lines
from .steps import Program
from .wire import Answer, Reply, Where, framed, unframed

_PROGRAMS, _INPUT, _ANSWERS, _SCRIPT, _RUNNER = (
    "programs.json",
    "programs.in",
    "answers.txt",
    "run.sh",
    "runner",
)
_SCHEMA = "remaptrace/programs/1"
_MOST_BYTES = 1 << 30
_TEXT = """\
#!/bin/sh
# Runs the programs of this folder on the kernel in front of it (x86-64) and keeps what it answers in {answers}.
# Then, where remaptrace is: remaptrace verify --answers THIS_FOLDER
#
# Words given to this script go in front of the runner: ./{script} qemu-x86_64
cd "$(dirname "$0")" || exit 1
chmod +x ./{runner} 2>/dev/null
if command -v setarch >/dev/null 2>&1 && setarch -R true 2>/dev/null; then
	fixed="setarch -R"
else
	fixed=
fi
$fixed "$@" ./{runner} {nonce} <{input} >{answers}.new || exit 1
mv {answers}.new {answers}
tail -n 1 {answers}
"""


def export(folder: Path, programs: Sequence[Program], *, seconds: float) -> None:
    """Write `folder`: runner, programs, script. Each program may take `seconds` there.

    Raises InputError (RT502) where it cannot be written, UsageError (RT801, RT804) as asking does.
    """
    data = framed([to_lines(p.steps) for p in programs], seconds=seconds, areas=True)
    nonce = hashlib.sha256(data).hexdigest()[:16]
    document = {
        "schema": _SCHEMA,
        "nonce": nonce,
        "programs": [{"name": p.name, "whole": p.whole, "path": p.path, "steps": p.steps} for p in programs],
    }
    script = _TEXT.format(answers=_ANSWERS, script=_SCRIPT, runner=_RUNNER, nonce=nonce, input=_INPUT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(runner(), folder / _RUNNER)
        (folder / _RUNNER).chmod(0o755)
        write_file(str(folder / _INPUT), [data])
        write_file(str(folder / _PROGRAMS), [json.dumps(document).encode()])
        write_file(str(folder / _SCRIPT), [script.encode()])
        (folder / _SCRIPT).chmod(0o755)
        (folder / _ANSWERS).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            ec.RT_OUTPUT, "the folder cannot be written", str(folder), found=error.strerror or ""
        ) from None


class Folder:
    """Answers from a folder that `export` made and `run.sh` filled."""

    anew = False

    def __init__(self, folder: str) -> None:
        """Raises InputError: RT200 for what is not there, RT806 for what are no answers to its programs."""
        self.path = Path(folder)
        document = self._document()
        self.programs = [_program(entry, self.path / _PROGRAMS) for entry in document["programs"]]
        reply = unframed(self._read(_ANSWERS))
        if reply is None or reply.where.facts.get("nonce") != document["nonce"]:
            raise InputError(
                ec.RT_NATIVE_PLACE,
                "these are no answers to the programs of this folder",
                str(self.path / _ANSWERS),
                expected=f"what ./{_SCRIPT} writes",
            )
        self.where = reply.where
        texts = [to_lines(p.steps) for p in self.programs]
        self.answers = dict(zip(texts, reply.answers, strict=False))

    @property
    def name(self) -> str:
        """The folder as it was named."""
        return str(self.path)

    def ask(self, programs: Sequence[str], *, areas: bool = False) -> Reply:
        """What the folder holds; `missing` for a program that it does not."""
        del areas  # they are always said there
        found = [self.answers.get(text, Answer("", "missing")) for text in programs]
        return Reply(Where(self.where.facts), found, finished=True)

    def _read(self, name: str) -> bytes:
        path = self.path / name
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise InputError(
                ec.RT_MISSING,
                error.strerror or "cannot be read",
                str(path),
                expected="a folder that --export made and whose run.sh kept its answers",
            ) from None
        if len(data) > _MOST_BYTES:
            raise InputError(ec.RT_NATIVE_PLACE, "too large to be answers of programs", str(path))
        return data

    def _document(self) -> dict[str, Any]:
        path = self.path / _PROGRAMS
        try:
            document = json.loads(self._read(_PROGRAMS))
        except (ValueError, RecursionError):
            document = None
        fits = isinstance(document, dict) and document.get("schema") == _SCHEMA
        if not fits or not isinstance(document.get("programs"), list):
            raise InputError(
                ec.RT_NATIVE_PLACE, "no programs of remaptrace", str(path), expected=f"schema {_SCHEMA}"
            )
        return dict(document)


def _program(entry: Any, path: Path) -> Program:
    """A program of the file, its steps read as those of a scenario. Raises InputError (RT806, RT1xx)."""
    from ..trace.scenario.read import read_scenario
    from .scenario_file import scenario_text

    kinds = (("name", str), ("path", str), ("whole", bool), ("steps", list))
    if not isinstance(entry, dict) or not all(isinstance(entry.get(k), t) for k, t in kinds):
        raise InputError(ec.RT_NATIVE_PLACE, "no program of remaptrace", str(path))
    program = Program(entry["name"], entry["steps"], entry["whole"], entry["path"])
    if not all(isinstance(step, dict) and len(step) == 1 for step in program.steps):
        raise InputError(ec.RT_NATIVE_PLACE, "no steps of a scenario", str(path))
    text = scenario_text("exported", "", program.steps, None, whole=False)
    read_scenario("brk_start: 4096\n" + text, path=str(path))
    return program
