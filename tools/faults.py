"""Ends every command by signals at many moments, and on a full disk: status, children, time, files left behind.

usage: python -m tools.faults [SCALE]. SCALE stretches the moments on slow machines. Prints a table; ends with 1 if
anything is not as docs/security.md says. The full disks need root (a small tmpfs in a mount namespace of its own) and
are left out by name without.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN = [sys.executable, "-m", "remaptrace"]
SET = str(ROOT / "traces" / "uml-touch2000")
SMALL = str(ROOT / "traces" / "efence-500")
COMMANDS: dict[str, list[str]] = {
    "run": ["run", SET],
    "run -o html": ["run", SMALL, "-o", "{out}/x.html"],
    "run jsonl": ["run", SET, "--format", "jsonl"],
    "check": ["check", str(ROOT / "traces")],
    "diff": ["diff", SET, "--kernel", "linux-6.18", "--kernel", "linux-6.1"],
    "advise": ["advise", SET],
    "maps": ["maps", SET],
    "convert": ["convert", SET, "-o", "{out}/x.rtcols"],
    "sweep": ["sweep", str(ROOT / "traces" / "conformance"), "-o", "{out}/x.csv", "-j", "2"],
    "record": [
        "record",
        "-o",
        "{out}/set",
        "--",
        "sh",
        "-c",
        "i=0; while [ $i -lt 400 ]; do i=$((i+1)); /bin/true; done",
    ],
    "verify": ["verify", "--random", "20000"],
    "warm": ["warm"],
    "kernels": ["kernels"],
    "explain": ["explain", "vma"],
}
MOMENTS = (0.05, 0.2, 0.5, 1.0, 2.5)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
TIME = 5.0
"""Seconds from the signal to the end, on a loaded machine; one is what is promised on a quiet one."""


def _members(group: int) -> Iterator[int]:
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == group and fields[0] != "Z":
            yield int(entry)


def interrupted(args: Sequence[str], number: signal.Signals, after: float) -> str:
    """What is not as documented when the command is ended so; "" if nothing. "over" if it ended before."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "REMAPTRACE_CACHE": f"{folder}/cache", "PYTHONPATH": str(ROOT)}
        given = [a.format(out=folder) if a.startswith("{out}") else a for a in args]
        child = subprocess.Popen(
            [*RUN, *given], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        time.sleep(after)
        over = child.poll() is not None
        if not over:
            child.send_signal(number)
        began = time.monotonic()
        try:
            _, said = child.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return "does not end"
        took = time.monotonic() - began
        if over:
            return "over"
        time.sleep(0.3)
        wrong = []
        left = list(_members(child.pid))
        if left:
            wrong.append(f"{len(left)} processes left")
            os.killpg(child.pid, signal.SIGKILL)
        ours = b"remaptrace/" in said  # Python's own start, before it reaches ours, has words of its own
        if (b"Traceback" in said and ours) or b"internal error" in said:
            wrong.append("traceback")
        if child.returncode not in (-number, 128 + number) and number != signal.SIGKILL:
            wrong.append(f"status {child.returncode}")
        if took > TIME:
            wrong.append(f"{took:.1f} s")
        partial = [p.name for p in Path(folder).rglob("*") if p.name.startswith(".remaptrace-")]
        if partial and number != signal.SIGKILL:
            wrong.append(f"left {partial[0]}")
        return ", ".join(wrong)


def full_disk(args: Sequence[str], kilobytes: int) -> str:
    """What is not as documented when the output's disk has so much room; "" if nothing."""
    with tempfile.TemporaryDirectory() as folder:
        given = [a.format(out=folder) if a.startswith("{out}") else a for a in args]
        line = f'mount -t tmpfs -o size={kilobytes}k none {folder} && exec "$@"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", line, "sh", *RUN, *given],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
        if b"Traceback" in done.stderr or done.returncode not in (2, 3):
            return f"status {done.returncode}: {done.stderr[-200:]!r}"
        return "" if b"space" in done.stderr.lower() else f"no word of the disk: {done.stderr[-200:]!r}"


def main() -> int:
    """All commands; the exit status."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    # children of a job in the background would ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tried = fell = 0
    for name, args in COMMANDS.items():
        for number in SIGNALS:
            said = []
            for moment in MOMENTS:
                wrong = interrupted(args, number, moment * scale)
                if wrong == "over":
                    break
                tried += 1
                fell += bool(wrong)
                said.append(wrong or "as documented")
            print(f"{name:12} {number.name:8} {'; '.join(said) or 'ends too soon'}", flush=True)
    if os.geteuid() != 0:
        print("full disks: left out, they need root")
        return 1 if fell else 0
    for name, args in COMMANDS.items():
        if any(a.startswith("{out}") for a in args):
            wrong = full_disk(args, 8)
            tried += 1
            fell += bool(wrong)
            print(f"{name:12} full     {wrong or 'as documented'}", flush=True)
    print(f"{tried} runs, {fell} not as documented")
    return 1 if fell else 0


if __name__ == "__main__":
    sys.exit(main())
