"""Run a command from a small process: ``launched.py FD WATCH COMMAND...`` writes what it took to FD, as JSON.

A process that is started inherits the peak of resident memory of the one that starts it (fs/exec.c: exec_mmap adds
what the old address space had to what wait4 will tell), so that a benchmark that holds a log itself would find its own
memory in everything that it measures. This process holds nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time

_STEP = 0.002  # seconds between looks at a process's memory


def main() -> None:
    """Start, watch if WATCH is 1, wait, write."""
    fd, watch, *command = sys.argv[1:]
    os.set_inheritable(int(fd), False)
    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    most = _watched(pid) if watch == "1" else 0
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    found = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": wall,
        "anonymous": most,
        "resident": usage.ru_maxrss * 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    os.write(int(fd), json.dumps(found).encode())


def _watched(pid: int) -> int:
    """The most anonymous memory that is seen until the process ends."""
    most = 0
    with contextlib.suppress(OSError):
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                for line in file:
                    if line.startswith("RssAnon:"):
                        most = max(most, int(line.split()[1]) * 1024)
                        break
            time.sleep(_STEP)
    return most


if __name__ == "__main__":
    main()
