"""`make bench`: every budget, measured in this run on this machine, as a table and as JSON.

usage: python -m benchmarks [PART...] [--baseline]
PART is one or more of the names in PARTS (default: all). --baseline stores this run as the one that
later runs are compared with.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from . import against_kernel, commands, scale, throughput
from .table import Row, read_baseline, text, write_json

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "calls": against_kernel.calls,
    "faults": against_kernel.faults,
    "mix": against_kernel.mix,
    "growth": against_kernel.growth,
    "interpreted": against_kernel.interpreted,
    "startup": commands.startup,
    "split": scale.split,
    **throughput.PARTS,
    "beside-run": commands.beside_run,
    "first-run": scale.first_run,
    "processes": scale.processes,
    "one-process": scale.one_process,
    "large": scale.large,
    "sweep": commands.sweep,
    "live": commands.live,
    "compiling": scale.compiling,
}

_HERE = Path(__file__).parent


def main() -> None:
    """Measure, print, write."""
    names = [a for a in sys.argv[1:] if not a.startswith("-")] or list(PARTS)
    unknown = [n for n in names if n not in PARTS]
    if unknown:
        raise SystemExit(f"no part {unknown[0]}; there are {', '.join(PARTS)}")
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows.extend(PARTS[name]())
    baseline = _HERE / "baseline.json"
    print(text(rows, read_baseline(baseline)))
    write_json(rows, _HERE / "last.json")
    if "--baseline" in sys.argv:
        write_json(rows, baseline)


if __name__ == "__main__":
    main()
