"""The gallery of the documentation site: HTML reports of recorded runs, ``python -m tools.gallery FOLDER``.

They are made anew from traces/ (a few seconds) and not kept under version control.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS: dict[str, tuple[str, ...]] = {
    "uml": ("run", "traces/uml-touch2000"),
    "uml-2007": ("diff", "traces/uml-touch2000", "--kernel", "linux-6.18", "--kernel", "linux-2.6.21"),
    "efence": ("run", "traces/efence-500"),
    "efence-bill": ("advise", "traces/efence-500"),
    "threads": ("diff", "traces/threads500", "--kernel", "linux-6.18", "--kernel", "linux-2.6.21"),
    "database": ("run", "traces/redis-bgsave"),
    "rfp": (
        *("diff", "traces/rfp/t2-livelock.yaml"),
        *("--kernel", "linux-2.6.21-rfp", "--kernel", "linux-2.6.21-rfp-intended"),
    ),
}
"""Name of each report, and the command that makes it."""


def main() -> int:
    """Write every report into the folder that is named; 1 if one was not made."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m tools.gallery FOLDER\n")
        return 2
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name, command in REPORTS.items():
        target = folder / f"{name}.html"
        target.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "remaptrace", *command, "-o", str(target)], cwd=ROOT, check=False
        )
        if not target.exists():
            sys.stderr.write(f"{name}: remaptrace ended with {done.returncode} and made no report\n")
            return 1
        sys.stdout.write(f"{target.name}: {target.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
