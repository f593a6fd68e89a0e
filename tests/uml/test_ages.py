"""One scenario of one architecture from 2.6.20 to today, in one diff."""

from __future__ import annotations

import json

import pytest

from remaptrace.cli.entry import run_command

AGES = ("linux-2.6.20", "linux-6.1", "linux-6.12", "linux-6.18", "linux-7.2")
PROGRAM = """
vars: {base: 0x10000000}
steps:
- mmap: {addr: base, length: 16 * page, prot: rw, flags: [private, anonymous, fixed]}
- read: base
- write: {addr: base, pages: 4}
- mprotect: {addr: base + page, length: page, prot: r}
- madvise: {addr: base, length: 4 * page, advice: free}
- mlock2: {addr: base, length: page, flags: 1}
"""


@pytest.fixture
def compared(tmp_path, capsys):
    def run(*words):
        path = tmp_path / "ages.yaml"
        path.write_text("name: ages\n" + PROGRAM)
        kernels = [word for kernel in AGES for word in ("--kernel", kernel)]
        status = run_command(["diff", str(path), *kernels, *words])
        return status, capsys.readouterr()

    return run


@pytest.mark.parametrize("arch", ["i386", "um-x86_64", "x86_64"])
def test_an_architecture_is_compared_across_its_ages(compared, arch):
    status, shown = compared("--arch", arch, "--format", "json")
    facts = json.loads(shown.out)
    assert status == 1
    assert [m["machine"]["kernel"] for m in facts["machines"]] == list(AGES)
    assert [m["refused_calls"] for m in facts["machines"]] == [2, 0, 0, 0, 0]
    assert {pair["first_difference"]["reason"][0]["rule"] for pair in facts["pairs"]} == {"madv_free"}
    assert all(m["host"] is None for m in facts["machines"])


def test_a_guest_of_five_ages_on_one_host(compared):
    status, shown = compared("--arch", "um-x86_64", "--host", "linux-6.18", "--format", "json")
    facts = json.loads(shown.out)
    assert status == 1
    hosts = [m["host"] for m in facts["machines"]]
    # MADV_FREE, since 4.5, makes pages old and clean: three areas until 6.10, everything that joins in one go since
    assert [h["calls"]["mmap"] for h in hosts] == [6, 9, 7, 7, 7]
    # until 6.10 the zero page is unmapped before it is copied
    assert hosts[1]["calls"]["munmap"] - 1 == 1  # less the one with which an address space begins
    assert [h["calls"]["munmap"] for h in hosts[2:]] == [1, 1, 1]
    assert all(h["peak_vmas"] >= 4 for h in hosts)
    _, table = compared("--arch", "um-x86_64", "--host", "linux-6.18")
    assert "host calls" in table.out
    assert "host VMAs, peak" in table.out
    for form in ("plain", "markdown"):
        _, text = compared("--arch", "um-x86_64", "--host", "linux-6.18", "--format", form)
        assert "host" in text.out


def test_a_host_below_what_is_no_guest_is_refused(compared):
    status, shown = compared("--arch", "x86_64", "--host", "linux-6.18")
    assert status == 2
    assert "RT407" in shown.err
