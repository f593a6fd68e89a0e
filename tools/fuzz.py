"""Fuzzes every surface that strangers' files reach: readers, doors, tables, engines.

usage: python -m tools.fuzz [SECONDS] [SEED] [--only SURFACE,...] [--count N] [--keep DIR]

Bounded by time, or by N inputs a surface. Input K of a surface depends on SEED, the surface and K alone, and is made
again by `--only SURFACE --first K --count 1`. Prints each kind of finding once with its first input, then a table;
ends with 1 if there is any.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.fuzzing.judges import Finding
from tools.fuzzing.surfaces import SURFACES

HANGS = 30
"""Seconds of processor time behind which an input is taken for one without bound."""


class _Hang(Exception):
    """An input took longer than HANGS."""


@contextmanager
def _bounded(seconds: int) -> Iterator[None]:
    def late(_number: int, _frame: object) -> None:
        raise _Hang

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def tried(surface: str, seed: int, number: int, hangs: int = HANGS) -> tuple[str, bytes]:
    """What fell with input `number` of `surface` ("" if nothing), and the input."""
    rng = random.Random(f"{seed}/{surface}/{number}")
    data = SURFACES[surface].make(rng)
    try:
        with _bounded(hangs):
            SURFACES[surface].judge(data, rng)
    except Finding as finding:
        return str(finding), data
    except _Hang:
        return f"more than {hangs} s", data
    except Exception as error:  # whatever it is: that is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error}", data
    return "", data


def main() -> int:
    """Fuzz; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("seed", nargs="?", type=int, default=1)
    parser.add_argument("--only", default=",".join(SURFACES))
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    kinds: dict[tuple[str, str], int] = {}
    end = time.monotonic() + given.seconds
    number = given.first
    while number < given.first + given.count if given.count else time.monotonic() < end:
        for surface in given.only.split(","):
            fell, data = tried(surface, given.seed, number)
            counts[surface] += 1
            if not fell:
                continue
            kind = (surface, fell[:60])
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] == 1:
                print(f"{surface} {number}: {fell}\n    {data[:2000]!r}", flush=True)
                if given.keep:
                    given.keep.mkdir(parents=True, exist_ok=True)
                    (given.keep / f"{surface}-{given.seed}-{number}").write_bytes(data)
        number += 1
    for surface, count in counts.items():
        fallen = sum(n for (where, _), n in kinds.items() if where == surface)
        print(f"{surface:10} {count:9,} inputs {fallen:6,} findings")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
