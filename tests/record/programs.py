"""Programs to record, and the recording of them by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]

THREADS = """
import mmap, threading
def work():
    for _ in range(3):
        mmap.mmap(-1, 8192).close()
ts = [threading.Thread(target=work) for _ in range(200)]
[t.start() for t in ts]; [t.join() for t in ts]
"""
WAITING = """
import threading
barrier = threading.Barrier(21)
ts = [threading.Thread(target=barrier.wait) for _ in range(20)]
[t.start() for t in ts]; barrier.wait(); [t.join() for t in ts]
"""
EXEC_FROM_THREAD = """
import os, sys, threading
code = "import mmap; mmap.mmap(-1, 8192)"
threading.Thread(target=lambda: os.execv(sys.executable, [sys.executable, "-S", "-c", code])).start()
threading.Event().wait()
"""
I386 = """
typedef unsigned long word;
static word call(word nr, word a, word b, word c, word d, word e)
{
    word result;
    __asm__ volatile("push %%ebp; xor %%ebp, %%ebp; int $0x80; pop %%ebp" : "=a"(result)
        : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return result;
}
void _start(void)
{
    for (int i = 0; i < 10; i++) {
        word place = call(192, 0, 12288, 3, 0x22, -1);
        *(volatile char *)place = 1;
        call(125, place + 4096, 4096, 0, 0, 0);
    }
    word end = call(45, 0, 0, 0, 0, 0);
    call(45, end + 8192, 0, 0, 0, 0);
    call(1, 0, 0, 0, 0, 0);
}
"""
"""A program of 32 bits without a C library: mmap2, mprotect, brk, exit."""
GUARDS = """
import ctypes, mmap
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
for _ in range(300):
    libc.mprotect(libc.mmap(None, 8192, 3, 0x22, -1, 0), 4096, 0)
"""
FORK_AND_EXEC = """
import os, sys
for _ in range(3):
    pid = os.fork()
    if not pid:
        os.execv("/bin/true", ["true"])
    os.waitpid(pid, 0)
"""
VFORK = "import subprocess; subprocess.run(['/bin/true']); subprocess.run(['/bin/echo', 'vforked'])"
KILLED = "import os, mmap; m = mmap.mmap(-1, 65536); os.kill(os.getpid(), 9)"
CRASHED = "import ctypes, mmap; m = mmap.mmap(-1, 65536); ctypes.string_at(8)"
STOPPED = """
import os, signal, subprocess, time
sh = subprocess.Popen(["sh", "-c", "sleep 0.3; kill -CONT %d" % os.getpid()])
os.kill(os.getpid(), signal.SIGSTOP)
sh.wait(); print("continued")
"""
PIPES = "seq 1 2000 | sort -r | head -3 | tr 1 2; x=$(echo a | cat); echo $x; (ls / >/dev/null; true) & wait"


BUSY = """
import mmap, threading, time
def work():
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 8192)); time.sleep(0.01)
        if len(kept) > 5: kept.pop(0).close()
for _ in range(3): threading.Thread(target=work, daemon=True).start()
print("up", flush=True); time.sleep(120)
"""
TRACED_CHILD = """
import ctypes, os, signal
libc = ctypes.CDLL(None)
pid = os.fork()
if not pid:
    os._exit(libc.ptrace(0, 0, 0, 0) & 1 and 5)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
"""A child that asks to be traced by its parent, as debuggers and User-mode Linux do."""


def python(code: str) -> list[str]:
    """The command that runs Python code, without site packages."""
    return [sys.executable, "-S", "-c", code]


CASES: dict[str, tuple[list[str], int]] = {  # command, exit status
    "single": (["/bin/ls", "/"], 0),
    "fork and exec": (python(FORK_AND_EXEC), 0),
    "pipes": (["/bin/sh", "-c", PIPES], 0),
    "200 threads": (python(THREADS), 0),
    "vfork": (python(VFORK), 0),
    "exec from a thread": (python(EXEC_FROM_THREAD), 0),
    "killed by SIGKILL": (python(KILLED), 137),
    "crashed": (python(CRASHED), 139),
    "stopped and continued": (python(STOPPED), 0),
}


def environment() -> dict[str, str]:
    """Where subprocesses find the package."""
    return {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}


def record(
    folder: Path, command: list[str], *options: str, prefix: tuple[str, ...] = (), **more: object
) -> subprocess.CompletedProcess[str]:
    """`remaptrace record -o FOLDER --no-replay OPTIONS -- COMMAND`."""
    args = [*prefix, sys.executable, "-m", "remaptrace", "record", "-o", str(folder), "--no-replay", *options]
    if command:
        args += ["--", *command]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        args,
        env=environment(),
        text=True,
        capture_output=True,
        check=False,
        **{"stdin": subprocess.DEVNULL, **more},
    )


def check(folder: Path) -> dict[str, object]:
    """The facts of `remaptrace check FOLDER --format json`."""
    done = subprocess.run(
        [sys.executable, "-m", "remaptrace", "check", str(folder), "--format", "json"],
        env=environment(), text=True, capture_output=True, check=False,
    )  # fmt: skip
    facts: dict[str, object] = json.loads(done.stdout)
    return facts
