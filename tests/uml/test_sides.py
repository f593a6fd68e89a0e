"""Guests that were recorded on both sides: the host calls derived from the guest's trace are the recorded ones."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from remaptrace.abi.kinds import (
    EVF_IN_KERNEL,
    K_EXECUTE,
    K_FORK,
    K_MADVISE,
    K_MMAP,
    K_MPROTECT,
    K_MREMAP,
    K_MUNMAP,
    K_READ,
    K_WRITE,
)
from remaptrace.api import load, machine_of
from remaptrace.cli.entry import run_command
from remaptrace.errors import InputError
from remaptrace.machine import Machine
from remaptrace.trace.detect import discover, host_log_of
from remaptrace.uml import compare_sides, replay_uml
from remaptrace.uml.merge import merge_sides

SIDES = Path(__file__).parents[2] / "traces" / "uml-sides"
CALLS = (K_MMAP, K_MUNMAP, K_MPROTECT, K_MADVISE, K_MREMAP, K_FORK)
BASE = 0x10000000


@cache
def host_of(name):
    return load(str(SIDES / f"{name}.host.txt.zst"))


@cache
def run_of(name, kernel=None):
    trace = load(str(SIDES / (f"{name}.jsonl.zst" if name.startswith("ls") else f"{name}.yaml")))
    return replay_uml(trace, machine_of(trace, kernel=kernel))


@pytest.mark.parametrize(
    ("name", "processes", "count"), [("pages-6.1", 2, 10_052), ("pages-6.12", 2, 6_532), ("ls-6.1", 1, 269)]
)
def test_derived_and_recorded_calls_are_equal_in_number_kind_and_order(name, processes, count):
    sides = compare_sides(run_of(name), host_of(name))
    assert sides.differences == ()
    assert sides.unpaired == ()
    assert (sides.calls.agree, sides.calls.total) == (count, count)
    assert sides.frames.complete
    assert len(run_of(name).host.trace.tasks) == processes


@pytest.mark.parametrize("name", ["pages-6.1", "pages-6.12"])
def test_every_derived_call_succeeds_on_the_host_and_every_access_goes_through(name):
    host = run_of(name).host
    assert (host.columns["outcome"][host.columns["outcome"] != 0] == 1).all()
    kinds = host.trace.columns["kind"]
    assert (host.columns["ret"][(kinds == K_MMAP) | (kinds == K_MUNMAP)] >= 0).all()


@pytest.mark.parametrize("name", ["pages-6.1", "pages-6.12"])
def test_the_scenario_makes_the_calls_that_strace_saw_in_the_guest(name):
    def calls(trace):
        c = trace.columns
        rows = np.flatnonzero(np.isin(c["kind"], CALLS)).tolist()
        width = {K_MMAP: 4, K_MUNMAP: 2, K_MPROTECT: 3, K_MADVISE: 3, K_MREMAP: 5, K_FORK: 0}
        return [
            (int(c["kind"][e]), *(int(c[f"a{i}"][e]) for i in range(width[int(c["kind"][e])]))) for e in rows
        ]

    assert calls(run_of(name).guest.trace) == calls(load(str(SIDES / f"{name}.strace.txt.zst")))


def pages_of_the_program():
    """What pages.c touches before it forks and the host must hear of, in order, as its source says."""
    for i in range(2000):
        yield K_WRITE, BASE + 2 * (i * 797 % 2000) * 4096
    for i in range(100):
        yield K_READ, BASE + (2 * i + 1) * 4096
    for i in range(50):
        yield K_WRITE, BASE + (2 * i + 1) * 4096
    for i in range(32):
        yield K_READ, 0x30000000 + 2 * i * 4096
    # the pages that mprotect took and gave back are dirty, so they are mapped writable: no fault


def merged(name, kernel, maps=None, tid=None):
    guest = discover([str(SIDES / f"{name}.strace.txt.zst")], maps=maps or [])[0].load()
    host = host_of(name)
    tid = tid or int(guest.tasks["tid"][0])
    machine = Machine.load("um-x86_64", kernel, None, "linux-6.18")
    pairs = {tid: int(host.tasks["tid"][0])}
    return merge_sides(guest, host, pairs, 0x7F80000000 if kernel == "linux-6.12" else 0x7FC0000000), machine


@pytest.mark.parametrize(("name", "kernel"), [("pages-6.1", "linux-6.1"), ("pages-6.12", "linux-6.12")])
def test_the_accesses_that_the_host_shows_are_those_of_the_programs_source(name, kernel):
    found, _ = merged(name, kernel)
    c = found.trace.columns
    own = (c["a0"] >= BASE) & (c["a0"] < 0x40000000) & (c["flags"] & EVF_IN_KERNEL == 0)
    touched = np.isin(c["kind"], (K_READ, K_WRITE)) & own
    ordered = [(int(c["kind"][e]), int(c["a0"][e])) for e in np.flatnonzero(touched)]
    expected = list(pages_of_the_program())
    if kernel == "linux-6.12":  # pages that mremap moved are mapped on the way back from it
        expected = [(kind, addr) for kind, addr in expected if addr < 0x30000000]
    assert ordered[: len(expected)] == expected


def test_ls_is_its_strace_with_the_accesses_that_the_host_saw():
    found, machine = merged("ls-6.1", "linux-6.1", [str(SIDES / "677.exec1.maps")])
    assert (found.by_program, found.by_kernel) == (244, 3)
    run = replay_uml(found.trace, machine)
    assert compare_sides(run, host_of("ls-6.1")).calls.complete
    stored = load(str(SIDES / "ls-6.1.jsonl.zst"))
    kinds = stored.columns["kind"]
    assert found.trace.columns["kind"].tolist() == kinds.tolist()
    numbers = np.isin(kinds, (*CALLS, K_READ, K_WRITE, K_EXECUTE))  # their arguments are no strings
    for column in ("a0", "a1", "a2", "a3", "ret", "flags"):
        assert (found.trace.columns[column][numbers] == stored.columns[column][numbers]).all()
    assert np.isin(kinds, (K_READ, K_WRITE, K_EXECUTE)).sum() == 247


def test_logs_of_different_runs_cannot_be_merged():
    guest = load(str(SIDES / "pages-6.1.strace.txt.zst"))
    host = host_of("ls-6.1")
    with pytest.raises(InputError, match="no call of the guest is found"):
        merge_sides(guest, host, {int(guest.tasks["tid"][0]): int(host.tasks["tid"][0])}, 0x7FC0000000)


def test_the_rules_of_another_version_do_not_fit():
    sides = compare_sides(run_of("pages-6.1", "linux-6.12"), host_of("pages-6.1"))
    assert sides.calls.agree < sides.calls.total - 1000  # copied pages cost a call less each


def without(trace, event):
    columns = {name: np.delete(column, event) for name, column in trace.columns.items()}
    return replace(trace, columns=columns, truth=None)


def test_a_missing_call_a_changed_protection_and_a_swap_are_found():
    run, host = run_of("ls-6.1"), host_of("ls-6.1")
    c = host.columns
    mmaps = np.flatnonzero(
        (c["kind"] == K_MMAP) & (c["a2"] == 7) & (c["a3"] == 0x11) & (c["a0"] < 0x50000000)
    ).tolist()
    lost = compare_sides(run, without(host, mmaps[3]))
    assert (lost.calls.agree, lost.calls.total) == (268, 269)
    assert lost.differences[0].recorded == ()
    changed = {name: column.copy() for name, column in c.items()}
    changed["a2"][mmaps[3]] = 5
    other = compare_sides(run, replace(host, columns=changed, truth=None))
    assert other.differences[0].derived[0].text().endswith("rwx)")
    assert other.differences[0].recorded[0].text().endswith("r-x)")
    swapped = {name: column.copy() for name, column in c.items()}
    for name in ("a0", "a2", "a5"):
        swapped[name][mmaps[3]], swapped[name][mmaps[5]] = c[name][mmaps[5]], c[name][mmaps[3]]
    assert len(compare_sides(run, replace(host, columns=swapped, truth=None)).differences) >= 2


def test_a_process_that_the_host_did_not_record_is_said():
    sides = compare_sides(run_of("pages-6.1"), host_of("ls-6.1"))
    assert sides.unpaired or sides.differences


def test_the_log_beside_a_trace_is_found(tmp_path):
    assert host_log_of(str(SIDES / "pages-6.1.yaml")) == str(SIDES / "pages-6.1.host.txt.zst")
    assert host_log_of(str(SIDES / "ls-6.1.jsonl.zst")) == str(SIDES / "ls-6.1.host.txt.zst")
    assert host_log_of(str(SIDES / "pages.c")) is None
    (tmp_path / "x.yaml").write_text("steps: []\n")
    assert host_log_of(str(tmp_path / "x.yaml")) is None


def test_check_compares_both_sides(tmp_path, capsys):
    assert run_command(["check", str(SIDES / "ls-6.1.jsonl.zst"), "--format", "json"]) == 0
    compared = json.loads(capsys.readouterr().out)["compared"]
    assert compared["host_calls"] == {"agree": 269, "total": 269}
    shutil.copy(SIDES / "ls-6.1.jsonl.zst", tmp_path / "x.jsonl.zst")
    shutil.copy(SIDES / "pages-6.1.host.txt.zst", tmp_path / "x.host.txt.zst")
    assert run_command(["check", str(tmp_path), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["compared"]["host_calls"]
    assert found["agree"] < found["total"]


def test_convert_puts_the_accesses_in_that_the_host_saw(tmp_path, capsys):
    out = tmp_path / "ls.jsonl"
    words = ["convert", str(SIDES / "ls-6.1.strace.txt.zst"), "--maps", str(SIDES / "677.exec1.maps")]
    log = ["--host-log", str(SIDES / "ls-6.1.host.txt.zst")]
    assert run_command([*words, *log, "-o", str(out)]) == 0
    assert "244 accesses of programs and 3 of the guest's kernel" in capsys.readouterr().err
    trace = load(str(out))
    assert (trace.arch, trace.kernel) == ("um-x86_64", "linux-6.1")
    assert compare_sides(
        replay_uml(trace, machine_of(trace, host="linux-6.18")), host_of("ls-6.1")
    ).calls.complete
    other = ["--host-log", str(SIDES / "pages-6.1.host.txt.zst")]
    assert run_command([*words, *other, "-o", str(out)]) == 3
    assert "not clear" in capsys.readouterr().err
    assert run_command([*words, "--kernel", "linux-6.1", "-o", str(out)]) == 2
