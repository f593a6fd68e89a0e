"""Mutates real inputs and replays what is still read: every input must end in an answer or an error of ours.

usage: python tools/fuzz.py [SECONDS] [SEED]. Bounded by time, reproducible by seed; prints what fell and ends with 1.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from remaptrace.engine.run.driver import replay
from remaptrace.errors import RemapTraceError
from remaptrace.machine.machine import Machine
from remaptrace.trace.detect import read_data

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "tests" / "data" / "hostile"
WORDS = (
    b"0xffffffffffffffff",
    b"-1",
    b"18446744073709551616",
    b"9223372036854775807",
    b"[]",
    b"{}",
    b"4294967296",
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """`data` with a few bytes or words changed, cut or doubled."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        how = rng.randrange(4)
        if how == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            out[at:at] = rng.choice(WORDS)
        elif how == 2:
            del out[at : at + rng.randint(1, 9)]
        else:
            out[at : at + rng.randint(0, 20)] = out[:20]
    return bytes(out)


def main() -> int:
    """Fuzz for SECONDS; the number of inputs and findings."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    inputs = [p.read_bytes() for p in sorted(CORPUS.iterdir()) if p.suffix in (".jsonl", ".strace", ".txt")]
    machine = Machine.load()
    tried, found, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(rng.choice(inputs), rng)
        tried += 1
        try:
            replay(read_data(data, "fuzz"), machine, engine="interpreted")
        except RemapTraceError as error:
            if error.exit_status == 70:
                found += 1
                print(f"{error} {data!r}")
        except Exception as error:
            found += 1
            print(f"{type(error).__name__}: {error} {data!r}")
    print(f"{tried} inputs, {found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
