"""One recording from beginning to end: choosing a back end, running it, and completing the set."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import errorcodes as ec
from ..errors import InputError
from .backends import chosen
from .counters import read_proc
from .facts import kernel_config, system_facts
from .folder import SetFolder
from .pack import ENDINGS, pack
from .wish import RecordError, Recording, Wish

if TYPE_CHECKING:
    from ..report.documents.record import Record, Summary


def folder_name(wish: Wish) -> Path:
    """Where the set goes if nobody says: remaptrace-PROGRAM-PID, of this process where the program is started."""
    if wish.output is not None:
        return Path(wish.output)
    if wish.pid:
        name, number = (
            (read_proc(wish.pid, "comm") or b"process").decode("utf-8", "replace").strip(),
            wish.pid,
        )
    else:
        name, number = os.path.basename(wish.command[0]), os.getpid()
    return Path(f"remaptrace-{name.replace('/', '_')}-{number}")


def record(wish: Wish, say: Callable[[str], None]) -> Recording:
    """Record as wished; `say` gets the one line that tells which back end was taken and what it misses.

    RecordError RT510 where no back end may be used, with the reasons; RT511 for a process that is not there.
    """
    backend = chosen(wish)
    place = folder_name(wish)
    packed = place if place.name.endswith(ENDINGS) else None
    if packed is not None and packed.exists():
        raise InputError(ec.RT_OUTPUT, "cannot record here: File exists", str(packed))
    scratch = packed.parent / f".{packed.name}.{os.getpid()}" if packed is not None else place
    folder = SetFolder(scratch)
    facts: Record = {
        "schema": "remaptrace/record/1",
        "backend": backend.name,
        "started": time.time(),
        "command": list(wish.command) if not wish.pid else _command_of(wish.pid),
        "options": {
            "counts": wish.counts,
            "stacks": wish.unwind if wish.stacks else False,
            "follow": wish.follow,
            "pid": wish.pid or None,
        },
        "system": system_facts(),
    }
    begun = time.monotonic()
    say(backend.line())
    try:
        status, root = backend.record(folder, wish, facts)
    except RecordError as error:
        if (
            error.code == ec.RT_ATTACH
        ):  # nothing was recorded, and the folder would stand in the way of the next try
            shutil.rmtree(folder.path)
        raise
    finally:
        folder.close()
    if "exec_error" in facts:  # there was no program
        shutil.rmtree(folder.path)
        return Recording(folder.path, status, backend.name, facts)
    facts["seconds"] = round(time.monotonic() - begun, 3)
    facts["missing"] = backend.missing
    facts["root_pid"] = root
    folder.json("record.json", facts)
    folder.json("summary.json", _summary(facts, root))
    config = kernel_config()
    if config is not None:
        folder.file("config.gz", config)
    if packed is not None:
        pack(folder.path, packed)
        shutil.rmtree(folder.path)
    return Recording(packed or folder.path, status, backend.name, facts, backend.missing)


def _summary(facts: Record, root: int) -> Summary:
    system = facts["system"]
    release = system["release"].split("-")[0]
    kernel = f"{'.'.join(release.split('.')[:2])} {system['arch']}"
    summary: Summary = {"kernel": kernel, "command": " ".join(facts["command"]), "root_pid": root}
    if "threads" in facts:
        summary["threads"] = facts["threads"]
    return summary


def _command_of(pid: int) -> list[str]:
    raw = read_proc(pid, "cmdline") or b""
    return [os.fsdecode(word) for word in raw.split(b"\0") if word]
