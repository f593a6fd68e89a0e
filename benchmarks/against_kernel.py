"""How many times faster the simulated kernel is than the running one, call by call and fault by fault."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from . import engine_side, kernel_side
from .table import Row
from .workloads import Workload, call_workloads, first_touch, random_mix, retouch_range

SIZES = (10, 1_000, 60_000)


def _in_turn(workload: Workload, turns: int = 2) -> tuple[float, float]:
    """Nanoseconds of a call on the running kernel and on ours, each the least of `turns` that alternate."""
    found = [(kernel_side.nanoseconds(workload), engine_side.nanoseconds(workload)) for _ in range(turns)]
    return min(real for real, _ in found), min(ours for _, ours in found)


def calls() -> Iterator[Row]:
    """Each system call at each number of areas; then their geometric mean."""
    ratios = []
    for vmas in SIZES:
        for workload in call_workloads(vmas):
            real, ours = _in_turn(workload)
            ratios.append(real / ours)
            name = f"{workload.name}, {vmas:,} areas"
            yield Row(
                "system calls against the kernel", name, real / ours, 5, detail=f"{ours:.0f} / {real:.0f} ns"
            )
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    yield Row("system calls against the kernel", "geometric mean", mean, 15)


def faults() -> Iterator[Row]:
    """First touches, dense and sparse; re-touching a present range as one event."""
    group = "faults against the kernel"
    for workload, bound in ((first_touch("first touch, dense", 1, 200_000), 20),
                            (first_touch("first touch, one page in 2 MiB", 512, 20_000), 4),
                            (retouch_range(512, 4_000), 1)):  # fmt: skip
        real, ours = _in_turn(workload)
        yield Row(group, workload.name, real / ours, bound, detail=f"{ours:.1f} / {real:.1f} ns")


def mix() -> Iterator[Row]:
    """A million calls at random over about 5,500 areas."""
    workload = random_mix(1_000_000)
    real, ours = _in_turn(workload, 4)
    group = "1,000,000 random calls over 5,500 areas"
    yield Row(group, "time of a call", ours, 300, at_least=False, unit="ns")
    yield Row(group, "against the kernel", real / ours, 15, detail=f"{real:.0f} ns there")


def growth() -> Iterator[Row]:
    """Cost of a call at 60,000 and 1,000,000 areas against that at 5,000; the limit on areas lifted."""
    from remaptrace.machine.machine import Machine

    machine = Machine.load(overrides={"max_map_count": 1 << 30})
    workloads = {areas: replace(random_mix(400_000, areas), rounds=2) for areas in (5_000, 60_000, 1_000_000)}
    turns = [{n: engine_side.nanoseconds(w, machine) for n, w in workloads.items()} for _ in range(2)]
    cost = {areas: min(turn[areas] for turn in turns) for areas in workloads}
    for areas, bound in ((60_000, 2), (1_000_000, 4)):
        yield Row("growth with the number of areas", f"{areas:,} against 5,000", cost[areas] / cost[5_000], bound,
                  at_least=False, detail=f"{cost[areas]:.0f} / {cost[5_000]:.0f} ns")  # fmt: skip


def interpreted() -> Iterator[Row]:
    """The compiled engine against the same source as plain Python."""
    small = random_mix(20_000, 1_000)
    compiled, plain = engine_side.nanoseconds(small), engine_side.nanoseconds(small, compiled=False)
    yield Row("one source, two ways", "compiled against interpreted", plain / compiled, 40,
              detail=f"{compiled:.0f} / {plain:,.0f} ns")  # fmt: skip
