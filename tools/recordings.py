"""Every scenario of recording, some times in a row with every back end: ``python -m tools.recordings [ROUNDS]``.

Prints a table in Markdown as it goes: how many rounds gave a set in which `check` finds no difference, and how much was
compared in the last. A back end that this machine does not allow is named with its reason. Exit status 1 if any round
differed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remaptrace.record.backends import chosen
from remaptrace.record.wish import RecordError, Wish
from tests.record import programs as p

BACKENDS = ("trace", "ptrace", "perf")
NOBODY = "65534"


def launched(
    command: list[str], status: int, *options: str, **more: Any
) -> Callable[[Path, str], str | None]:
    """A scenario that starts a program: what is wrong with its recording, or None."""

    def run(folder: Path, backend: str) -> str | None:
        done = p.record(folder, command, "--with", backend, *options, **more)
        return None if done.returncode == status else f"status {done.returncode}: {done.stderr.strip()[-80:]}"

    return run


def attached(folder: Path, backend: str) -> str | None:
    """A running program with threads, recorded for a while."""
    with subprocess.Popen(p.python(p.BUSY), stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        done = p.record(folder, [], "--with", backend, "-p", str(run.pid), "--for", "0.7")
        alive = run.poll() is None
        run.kill()
    return None if done.returncode == 0 and alive else f"status {done.returncode}, alive: {alive}"


def unprivileged(prefix: tuple[str, ...]) -> Callable[[Path, str], str | None]:
    """The pipes, by somebody without rights: only ptrace is asked for."""

    def run(folder: Path, backend: str) -> str | None:
        if backend != "ptrace":
            return "-"
        os.chmod(folder.parent, 0o777)
        done = p.record(folder, ["/bin/sh", "-c", p.PIPES], "--with", backend, prefix=prefix, cwd="/")
        return None if done.returncode == 0 else done.stderr.strip()[-80:]

    return run


def not_started(folder: Path, backend: str) -> str | None:
    """A command that is not there ends with 127 and leaves nothing."""
    done = p.record(folder, ["/no/such/program"], "--with", backend)
    return None if done.returncode == 127 and not folder.exists() else f"status {done.returncode}"


def scenarios() -> dict[str, Callable[[Path, str], str | None]]:
    """By name what is recorded."""
    found = {name: launched(*case) for name, case in p.CASES.items()}
    found["failing command (127)"] = not_started
    found["a tracer inside, --no-follow"] = launched(p.python(p.TRACED_CHILD), 0, "--no-follow")
    found["attached, threads"] = attached
    if not os.geteuid() and shutil.which("setpriv"):
        who = (
            f"--reuid={NOBODY}",
            f"--regid={NOBODY}",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        )
        found["as nobody"] = unprivileged(("setpriv", *who))
    if not subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode:
        found["in unshare -Ur"] = unprivileged(("unshare", "-Ur"))
    return found


def once(
    scenario: Callable[[Path, str], str | None], folder: Path, backend: str
) -> tuple[str, dict[str, Any]]:
    """What is wrong, or nothing, and what was compared."""
    wrong = scenario(folder, backend)
    if wrong is not None or not folder.exists():
        return wrong or "", {}
    outcome: Any = p.check(folder)["outcomes"][0]  # type: ignore[index]
    if outcome["agrees"]:
        return "", outcome["compared"]
    first = outcome["differences"][:1] or [outcome["error"]]
    return f"{len(outcome['differences'])} differences, first {first[0]}", outcome["compared"] or {}


def main(rounds: int) -> int:
    """Print the table; 1 if some round differed."""
    failed = False
    print("| scenario | back end | complete | compared in the last |\n| --- | --- | --- | --- |", flush=True)
    allowed = []
    for backend in BACKENDS:
        try:
            chosen(Wish(["true"], backend=backend))
            allowed.append(backend)
        except RecordError as error:
            print(f"| every one | {backend} | not here | {error.found} |", flush=True)
    for name, scenario in scenarios().items():
        for backend in allowed:
            said, complete = "", 0
            compared: dict[str, Any] = {}
            for _ in range(rounds):
                with tempfile.TemporaryDirectory(prefix="remaptrace-rounds-") as place:
                    wrong, compared = once(scenario, Path(place) / "set", backend)
                complete += not wrong
                said = said or wrong
            if said == "-":
                continue
            failed |= complete < rounds
            told = said or ", ".join(f"{what} {t['total']:,}" for what, t in compared.items())
            print(f"| {name} | {backend} | {complete} of {rounds} | {told} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
