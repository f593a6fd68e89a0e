"""Where numba is not installed and no machine code fits, traces are interpreted; nothing is an internal error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRACES = Path(__file__).parents[2] / "traces"
WITHOUT = "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None\n"


def without_numba(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, check=False)


def test_nothing_is_kept_and_nothing_will_be_compiled() -> None:
    done = without_numba(
        "from remaptrace.errors import UsageError\n"
        "from remaptrace.machinecode import folders, ready\n"
        "assert not folders.can_compile()\n"
        "assert not folders.is_kept('engine', 'run.loop.replay')\n"
        "assert not ready.will_compile('strace', 1 << 40)\n"
        "try:\n"
        "    folders.folder_now('engine')\n"
        "except UsageError as error:\n"
        "    print(error.code)\n"
    )
    assert (done.stdout, done.stderr) == ("RT605\n", "")


def test_recordings_are_replayed_all_the_same() -> None:
    done = without_numba(
        "from remaptrace.cli import main\n"
        f"sys.argv = ['remaptrace', 'run', {str(TRACES / 'uml-touch2000')!r}, '--format', 'plain']\n"
        "sys.exit(main())\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "events 57495" in done.stdout
