"""A scenario as a C program: it builds without anything else, asks the kernel, and says in KTAP what came back."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from remaptrace.abi import mman as names
from remaptrace.errors import InputError
from remaptrace.trace.reproducer import constants
from remaptrace.trace.reproducer.cfile import write_c
from remaptrace.trace.scenario.read import read_scenario

CONFORMANCE = Path(__file__).parents[2] / "traces" / "conformance"
GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None or os.geteuid() != 0, reason="no gcc here, or not root")
needs_6_18 = pytest.mark.skipif(
    not platform.release().startswith("6.18."),
    reason="the answers are those of 6.18; another kernel runs here",
)
FLAGS = ("-Wall", "-Wextra", "-Werror", "-O1", "-static", "-no-pie", "-fno-stack-protector")


def c_of(text: str, **more: bool) -> str:
    return "".join(write_c(read_scenario(text), **more))


def run(code: str, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    (folder / "r.c").write_text(code)
    assert GCC is not None
    subprocess.run([GCC, *FLAGS, *flags, "-o", "r", "r.c"], cwd=folder, check=True)
    return subprocess.run([folder / "r"], capture_output=True, text=True, check=False)


def conformance(name: str) -> str:
    return (CONFORMANCE / "linux-6.18" / f"{name}.yaml").read_text()


@needs_gcc
@needs_6_18
@pytest.mark.parametrize("name", ["guard-01", "layout-03", "mixed-02", "fault-01", "errors-01", "rfp-01"])
def test_a_conformance_program_passes_on_the_kernel_whose_answers_it_holds(name: str, tmp_path: Path) -> None:
    done = run(c_of(conformance(name)), tmp_path)
    lines = done.stdout.splitlines()
    tests = int(lines[1].removeprefix("1.."))
    assert lines[0] == "KTAP version 1"
    assert [line for line in lines[2:] if not line.startswith("ok ")] == []
    assert len(lines) == tests + 2
    assert done.returncode == 0


@pytest.mark.parametrize("path", sorted(CONFORMANCE.glob("linux-[67].*/*.yaml")), ids=lambda p: p.stem)
def test_every_program_of_a_64_bit_kernel_can_be_written_as_c(path: Path) -> None:
    code = c_of(path.read_text())
    steps = len(
        re.findall(r"^- [a-z_0-9]+:", path.read_text().split("\nsteps:")[1].split("\nvmas:")[0], re.M)
    )
    assert code.startswith("// SPDX-License-Identifier: GPL-2.0\n")
    assert f'put("KTAP version 1\\n1..{steps + 1}\\n");' in code


@needs_gcc
def test_an_answer_that_differs_is_said_and_ends_with_1(tmp_path: Path) -> None:
    done = run(
        c_of("""
name: wrong
steps:
- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, anonymous, fixed]}
  expect: {result: 0x10000000}
- munmap: {addr: 0x10000001, length: 4096}
  expect: {result: 0}
- read: 0x10003000
  expect: {outcome: SIGSEGV, code: SEGV_MAPERR}
- dump: {}
  expect:
    vmas:
    - {start: 0x10000000, end: 0x10001000, perms: rw-p, file: null}
"""),
        tmp_path,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "KTAP version 1",
        "1..4",
        "ok 1 mmap(0x10000000, 0x2000, PROT_READ | PROT_WRITE,"
        " MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0)",
        "# result: expected 0, got -22 (Invalid argument)",
        "not ok 2 munmap(0x10000001, 0x1000)",
        "ok 3 touch(LOAD, 0x10003000, 1, 1)",
        "# area: expected 10000000-10001000 rw-p (anonymous), got 10000000-10002000 rw-p (anonymous)",
        "not ok 4 areas",
    ]


@needs_gcc
def test_segments_shared_objects_forks_and_descriptors_are_followed(tmp_path: Path) -> None:
    done = run(
        c_of("""
name: segments
steps:
- shmget: {size: 8192}
- shmat: {shmid: 0, addr: 0x20000000}
  expect: {result: 0x20000000}
- shmctl: {shmid: 0, command: rmid}
  expect: {result: 0}
- mmap: {addr: 0x30000000, length: 4096, prot: rw, flags: [shared, anonymous, fixed]}
- write: {addr: 0x30000000, value: 9}
- fork: {}
  expect: {continues_in: child}
- read: 0x30000000
  expect: {outcome: ok, value: 9, minor_faults: 1}
- memfd: {id: afile, pages: 2, fill: true}
- dup: {fd: afile, new_fd: other}
- close: afile
  expect: {result: 0}
- ftruncate: {fd: afile, size: 0}
  expect: {error: EBADF}
- pread: {fd: other, offset: 4096}
  expect: {result: 0, value: 2}
- setrlimit: {resource: memlock, soft: 4096}
  expect: {result: 0}
- dump: {}
  expect:
    vmas:
    - {start: 0x20000000, end: 0x20002000, perms: rw-s, offset: 0, file: 'shm@0'}
    - {start: 0x30000000, end: 0x30001000, perms: rw-s, offset: 0, file: 'shm@3'}
"""),
        tmp_path,
    )
    assert [line for line in done.stdout.splitlines() if line.startswith(("not ok", "#"))] == []
    assert done.returncode == 0


@needs_gcc
@needs_6_18
def test_the_harness_of_the_selftests_gets_one_test(tmp_path: Path) -> None:
    (tmp_path / "mm").mkdir()
    (tmp_path / "kselftest_harness.h").write_text("""
#include <stdio.h>
#include <string.h>
struct __test_metadata { const char *name; int exit_code; };
#define TH_LOG(fmt, ...) fprintf(stderr, fmt "\\n", ##__VA_ARGS__)
#define OPTIONAL(c) for (int once = (c); once; once = 0)
#define EXPECT_EQ(a, b) if ((a) != (b)) _metadata->exit_code = 1; OPTIONAL((a) != (b))
#define EXPECT_STREQ(a, b) if (strcmp(a, b)) _metadata->exit_code = 1; OPTIONAL(!!strcmp(a, b))
#define SKIP(s, ...) do { _metadata->exit_code = 4; s; } while (0)
#define TEST(name) static void name(struct __test_metadata *_metadata); \\
    static void (*test)(struct __test_metadata *) = name; static const char *test_name = #name; \\
    static void name(struct __test_metadata *_metadata)
#define TEST_HARNESS_MAIN int main(void) { struct __test_metadata m = { test_name, 0 }; test(&m); \\
    puts(test_name); return m.exit_code; }
""")
    good = run(c_of(conformance("layout-01"), kselftest=True), tmp_path / "mm")
    assert (good.returncode, good.stdout, good.stderr) == (0, "remaptrace_layout_01\n", "")
    wrong = conformance("guard-01").replace("error: EINVAL", "error: ENOMEM", 1)
    bad = run(c_of(wrong, kselftest=True), tmp_path / "mm")
    assert bad.returncode == 1
    assert re.fullmatch(r"step \d+: \w+\(.*\): result\n", bad.stderr)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("sysctl: {name: vm.max_map_count, value: 100}", "changes a setting of the whole machine"),
        ("mm: {}", "asks for numbers that only the kernel has"),
        ("fork: {child: 2}", "makes a task that lives on beside its parent"),
        ("diskfile: {id: d, pages: 1}", "needs a file on a disk"),
        ("userfaultfd: {id: u}", "userfaultfd is not written as C"),
        ("mmap: {length: 4096, prot: rw, flags: [private, anonymous]}\n  expect: {result: 0x7ffff7ff0000}",
         "expects an address that the kernel chose"),
        ("read: 0x1000\n  expect: {outcome: LIVELOCK}", "expects the outcome LIVELOCK"),
        ("pages: {addr: 0x1000, count: 1}\n  expect: {access: 'w'}", "expects access, which no program can ask"),
        ("setrlimit: {resource: data, soft: 4096}", "counts the program's own areas"),
    ],
)  # fmt: skip
def test_what_no_program_can_do_or_see_is_refused_by_name(step: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        c_of(f"name: x\nsteps:\n- munmap: {{addr: 0x1000, length: 4096}}\n- {step}\n")
    assert caught.value.code == "RT221"
    assert "step 1 " in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.skipif(GCC is None, reason="no gcc here")
def test_every_name_that_a_program_may_have_is_known_to_the_compiler() -> None:
    tables = [names.MAP, *(t for t in vars(names).values() if isinstance(t, dict) and constants.has_names(t))]
    words = [constants.flags(sum({bit for bit in t.values() if bit & (bit - 1) == 0}), t) for t in tables]
    words += [constants.flags(bit, t) for t in tables for bit in t.values()]
    words += [constants.advice(number) for number in names.ADVICE.values()]
    words += [constants.resource(number) for number in names.RLIMITS.values()]
    body = "unsigned long long all[] = {\n" + ",\n".join(words) + "\n};\n"
    includes = (Path(constants.__file__).with_name("parts") / "core.c").read_text().partition("\n\n")[0]
    code = "\n".join(["#define _GNU_SOURCE", includes, *constants.definitions(body), body])
    done = subprocess.run(
        [str(GCC), "-fsyntax-only", "-x", "c", "-"], input=code, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_32_bit_program_is_refused() -> None:
    with pytest.raises(InputError, match="was written for i386"):
        c_of((CONFORMANCE / "linux-2.6.20-i386" / "uml-01.yaml").read_text())


def test_a_trace_of_another_machine_without_events_is_refused_in_the_same_words() -> None:
    with pytest.raises(InputError, match="was written for i386"):
        c_of("name: none\narch: i386\nsteps: []\n")
