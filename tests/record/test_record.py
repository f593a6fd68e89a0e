"""What `remaptrace record` makes of real programs: a set that `check` finds complete, every time."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remaptrace.record import tracefs
from remaptrace.record.backends import chosen
from remaptrace.record.wish import RecordError, Wish
from remaptrace.report.schema import schema_of
from remaptrace.trace.recorded.read import read_set

from . import programs as p

NOBODY = 65534


def need(backend: str) -> None:
    """Skip where this machine does not allow a back end."""
    try:
        chosen(Wish(["true"], backend=backend))
    except RecordError as error:
        pytest.skip(f"{backend}: {error.found}")


@pytest.fixture(params=["ptrace", "trace"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each back end that can be used here."""
    need(request.param)
    return str(request.param)


def complete(folder: Path, *tallies: str) -> dict[str, dict[str, int]]:
    """The tallies of a set that agrees in everything; `tallies` must be among them."""
    facts = p.check(folder)
    outcome = facts["outcomes"][0]  # type: ignore[index]
    assert outcome["agrees"], json.dumps(outcome["differences"][:5], indent=1)
    assert facts["unreadable"] == 0
    compared: dict[str, dict[str, int]] = outcome["compared"]
    for name in ("answers", "map_lines", *tallies):
        assert compared[name]["total"] > 0, name
    for name, tally in compared.items():
        assert tally["agree"] == tally["total"], name
    return compared


@pytest.mark.parametrize("name", p.CASES)
def test_a_fresh_set_is_complete(name: str, backend: str, tmp_path: Path) -> None:
    command, status = p.CASES[name]
    done = p.record(tmp_path / "set", command, "--with", backend)
    assert done.returncode == status, done.stderr
    compared = complete(tmp_path / "set", *(["map_counts", "counters"] if counted(tmp_path / "set") else []))
    assert compared["map_files"]["total"] == len(list((tmp_path / "set").glob("maps/*.exit.maps"))) > 0


def counted(folder: Path) -> bool:
    """Whether the back end could read the kernel's counters; where it could not, it says why."""
    missing = json.loads((folder / "record.json").read_text())["missing"]
    reasons = [what for what in missing if what.startswith("counters")]
    assert all(what.startswith("counters (") for what in reasons)
    return not reasons


@pytest.mark.parametrize("with_", ["trace", "perf"])
def test_the_kernel_counts_for_those_that_do_not_stop_the_program(with_: str, tmp_path: Path) -> None:
    need(with_)
    assert p.record(tmp_path / "set", p.python(p.FORK_AND_EXEC), "--with", with_).returncode == 0
    if not counted(tmp_path / "set"):
        pytest.skip("no programs in the kernel here")
    compared = complete(tmp_path / "set", "map_counts", "counters")
    assert compared["map_counts"]["total"] > 0.8 * compared["answers"]["total"]
    facts = json.loads((tmp_path / "set" / "record.json").read_text())
    assert facts["counts"]["rows"] > 50
    assert facts["counts"]["lost"] == 0


def test_counters_that_nobody_wants_are_not_read(backend: str, tmp_path: Path) -> None:
    assert p.record(tmp_path / "set", ["/bin/true"], "--with", backend, "--counts", "no").returncode == 0
    assert not list((tmp_path / "set").glob("mapcount*"))
    assert "map_counts" not in complete(tmp_path / "set") or not counted(tmp_path / "set")


def test_counters_of_some_calls_are_of_those_calls(tmp_path: Path) -> None:
    """Calls with the same answer between two readings take nothing from them."""
    need("ptrace")
    done = p.record(tmp_path / "set", p.python(p.GUARDS), "--with", "ptrace", "--counts", "7")
    assert done.returncode == 0
    compared = complete(tmp_path / "set", "map_counts")
    assert 300 / 7 < compared["map_counts"]["total"] < compared["answers"]["total"] / 4


def test_in_a_pid_namespace_the_host_s_numbers_are_not_believed(tmp_path: Path) -> None:
    need("trace")
    unshare = ("unshare", "-pf", "--mount-proc")
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no pid namespaces here")
    done = p.record(tmp_path / "set", ["/bin/sh", "-c", p.PIPES], prefix=unshare)
    assert done.returncode == 0, done.stderr
    assert "recording with ptrace" in done.stderr
    complete(tmp_path / "set", "map_counts")
    refused = p.record(tmp_path / "other", ["/bin/true"], "--with", "trace", prefix=unshare)
    assert refused.returncode == 125
    assert "pid namespace" in refused.stderr


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="i386 programs run on x86-64")
def test_children_of_32_bits_are_recorded_whole(tmp_path: Path) -> None:
    need("ptrace")
    source, program = tmp_path / "a.c", tmp_path / "a"
    source.write_text(p.I386)
    build = [
        "gcc",
        "-m32",
        "-nostdlib",
        "-static",
        "-ffreestanding",
        "-fno-pie",
        "-no-pie",
        "-fno-stack-protector",
    ]
    if (
        shutil.which("gcc") is None
        or subprocess.run(
            [*build, "-O1", "-o", str(program), str(source)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no compiler for i386 here")
    folder = tmp_path / "set"
    done = p.record(folder, ["/bin/sh", "-c", f"{program}; {program}"], "--with", "ptrace")
    assert done.returncode == 0, done.stderr
    assert complete(folder, "map_counts", "map_files")["answers"]["total"] > 40


@pytest.mark.parametrize("name", ["single", "killed by SIGKILL", "fork and exec"])
def test_perf_gives_complete_sets_too(name: str, tmp_path: Path) -> None:
    need("perf")
    command, status = p.CASES[name]
    done = p.record(tmp_path / "set", command, "--with", "perf")
    assert done.returncode == status, done.stderr
    complete(tmp_path / "set", "faults")


def test_stacks_tell_who_made_the_areas(tmp_path: Path) -> None:
    need("perf")
    assert p.record(tmp_path / "set", p.python(p.WAITING), "--stacks").returncode == 0
    done = subprocess.run(
        [sys.executable, "-m", "remaptrace", "advise", str(tmp_path / "set"), "--by", "caller", "--format", "json"],
        env=p.environment(), text=True, capture_output=True, check=True,
    )  # fmt: skip
    facts = json.loads(done.stdout)
    assert facts["total"] == sum(caller["areas"] for caller in facts["callers"])
    named = [caller for caller in facts["callers"] if not caller["frames"][0].startswith("(")]
    assert any("map" in caller["frames"][0] for caller in named)  # how deep perf unwinds is perf's affair


def test_three_runs_in_a_row_without_a_difference(backend: str, tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / str(number)
        assert p.record(folder, p.python(p.EXEC_FROM_THREAD), "--with", backend).returncode == 0
        complete(folder)


@pytest.mark.parametrize(("command", "status"), [("/no/such/program", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_run_is_said_as_a_shell_does(command: str, status: int, tmp_path: Path) -> None:
    need("ptrace")
    done = p.record(tmp_path / "set", [command])
    assert done.returncode == status
    assert command in done.stderr
    assert not (tmp_path / "set").exists()


def test_the_exit_status_and_standard_input_are_the_programs_own(backend: str, tmp_path: Path) -> None:
    done = p.record(
        tmp_path / "set",
        ["/bin/sh", "-c", "cat; exit 7"],
        "--with",
        backend,
        stdin=None,
        input="passed through",
    )
    assert (done.returncode, done.stdout) == (7, "passed through")


def test_a_closed_output_is_the_programs_own_affair(backend: str, tmp_path: Path) -> None:
    done = p.record(
        tmp_path / "set",
        ["/bin/sh", "-c", "echo x; exit 3"],
        "--with",
        backend,
        prefix=("sh", "-c", 'exec "$@" >&-', "sh"),
    )
    assert done.returncode == 3
    complete(tmp_path / "set")


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    need("ptrace")
    (tmp_path / "set" / "maps").mkdir(parents=True)
    done = p.record(tmp_path / "set", ["/bin/true"])
    assert done.returncode == 125
    assert "RT502" in done.stderr


def test_interrupts_are_the_programs_own(backend: str, tmp_path: Path) -> None:
    code = "import signal,sys,time; signal.signal(2, lambda *_: sys.exit(9)); print('up', flush=True); time.sleep(60)"
    args = [
        sys.executable,
        "-m",
        "remaptrace",
        "record",
        "-o",
        str(tmp_path / "set"),
        "--no-replay",
        "--with",
        backend,
    ]
    with subprocess.Popen(
        [*args, "--", *p.python(code)], env=p.environment(), stdout=subprocess.PIPE, process_group=0
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait() == 9
    complete(tmp_path / "set")


def test_an_interrupt_that_the_program_survives_ends_nothing(backend: str, tmp_path: Path) -> None:
    """However long it goes on: the recording was taken away 0.6 seconds later, unfinished.

    The program writes without a buffer: a handler may not print where it interrupts a print.
    """
    code = "import os,signal,time; signal.signal(2, lambda *_: os.write(1, b'got\\n')); os.write(1, b'up\\n')"
    args = [sys.executable, "-m", "remaptrace", "record", "-o", str(tmp_path / "set"), "--no-replay"]
    with subprocess.Popen(
        [
            *args,
            "--with",
            backend,
            "--",
            *p.python(f"{code}\nend = time.monotonic() + 2\nwhile time.monotonic() < end: time.sleep(0.1)"),
        ],
        env=p.environment(),
        stdout=subprocess.PIPE,
        process_group=0,
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        os.killpg(run.pid, signal.SIGINT)
        assert run.stdout.readline() == b"got\n"
        assert run.wait() == 0
    complete(tmp_path / "set")


def read_until(fd: int, wanted: str, said: str = "") -> str:
    """What a terminal says up to `wanted`."""
    while wanted not in said:
        ready, _, _ = select.select([fd], [], [], 120)
        assert ready, said
        said += os.read(fd, 4096).decode(errors="replace")
    return said


def test_a_shell_stops_and_continues_the_program_as_its_job(backend: str, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not here")
    pid, fd = pty.fork()
    if not pid:
        os.execvpe(bash, [bash, "--norc", "-i"], {**p.environment(), "PS1": "> ", "LC_ALL": "C"})
    try:
        record = f"{sys.executable} -m remaptrace record --no-replay --with {backend} -o {tmp_path / 'set'}"
        os.write(fd, f"{record} -- sh -c 'echo u''p; read x; echo got $x; exit 6'\n".encode())
        read_until(fd, "up\r\n")
        os.write(fd, b"\x1a")
        said = read_until(fd, "Stopped")
        read_until(fd, "> ", said.partition("Stopped")[2])  # what comes before the prompt may be lost
        os.write(fd, b"fg\nhello\n")
        read_until(fd, "got hello")
        os.write(fd, b"echo status $?\n")
        read_until(fd, "status 6")
        os.write(fd, b"exit\n")
        os.waitpid(pid, 0)
    finally:
        os.close(fd)
    complete(tmp_path / "set", "map_files")


def test_a_static_program_without_an_interpreter_is_recorded_whole(backend: str, tmp_path: Path) -> None:
    source, program = tmp_path / "a.c", tmp_path / "a"
    source.write_text(
        "#include <stdlib.h>\n#include <sys/mman.h>\nint main(void) {\n"
        "char *p = mmap(0, 65536, 3, 0x22, -1, 0); p[0] = 1; mprotect(p + 4096, 4096, 0); return !malloc(1 << 20); }\n"
    )
    gcc = shutil.which("gcc")
    build = [gcc or "gcc", "-static", "-o", str(program), str(source)]
    if gcc is None or subprocess.run(build, capture_output=True, check=False).returncode:
        pytest.skip("no compiler for static programs here")
    assert p.record(tmp_path / "set", [str(program)], "--with", backend).returncode == 0
    complete(tmp_path / "set", "map_files")


def test_sigkill_of_the_own_tracer_leaves_no_program_that_could_make_no_call(tmp_path: Path) -> None:
    need("ptrace")
    args = [sys.executable, "-m", "remaptrace", "record", "-o", str(tmp_path / "set"), "--with", "ptrace"]
    command = ["/bin/sh", "-c", "echo $$; exec sleep 60"]
    with subprocess.Popen([*args, "--", *command], env=p.environment(), stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        program = int(run.stdout.readline())
        run.kill()
    while (
        Path(f"/proc/{program}").exists() and "Z" not in Path(f"/proc/{program}/stat").read_text().split()[2]
    ):
        time.sleep(0.05)


def test_children_are_left_alone_when_asked(tmp_path: Path) -> None:
    """A child that asks to be traced by its parent, as debuggers and User-mode Linux do, is."""
    need("ptrace")
    code = p.TRACED_CHILD
    assert p.record(tmp_path / "followed", p.python(code)).returncode == 5
    assert p.record(tmp_path / "alone", p.python(code), "--no-follow").returncode == 0
    complete(tmp_path / "alone")


def test_the_threads_of_a_process_are_followed_all_the_same(tmp_path: Path) -> None:
    need("ptrace")
    done = p.record(
        tmp_path / "set", p.python(p.THREADS.replace("200", "20")), "--no-follow", "--with", "ptrace"
    )
    assert done.returncode == 0
    complete(tmp_path / "set", "map_counts")


def attached(folder: Path, backend: str, code: str, seconds: str = "0.7") -> None:
    """Record a running Python program for a while; it must still run afterwards."""
    with subprocess.Popen(p.python(code), stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        done = p.record(folder, [], "--with", backend, "-p", str(run.pid), "--for", seconds)
        assert done.returncode == 0, done.stderr
        time.sleep(0.1)
        assert run.poll() is None
        run.kill()


def test_a_running_program_with_threads_is_recorded_and_let_go(backend: str, tmp_path: Path) -> None:
    attached(tmp_path / "set", backend, p.BUSY)
    compared = complete(tmp_path / "set", "map_files")  # the maps of the moment at which it was let go
    assert compared["answers"]["total"] > 50
    assert len(list((tmp_path / "set" / "maps").glob("*.end.maps"))) == 1
    notes = p.check(tmp_path / "set")["outcomes"][0]["notes"]  # type: ignore[index]
    assert not [note for note in notes if " no event: " in note]  # of what came after


def test_a_process_that_makes_no_call_has_a_set_too(backend: str, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as run:
        done = p.record(tmp_path / "set", [], "--with", backend, "-p", str(run.pid), "--for", "0.2")
        run.kill()
    assert done.returncode == 0, done.stderr
    assert len(read_set(tmp_path / "set")) == 0


def test_a_process_that_is_not_there_is_said_so(backend: str, tmp_path: Path) -> None:
    done = p.record(tmp_path / "set", [], "--with", backend, "-p", "4194304")
    assert done.returncode == 125
    assert "RT511" in done.stderr
    assert not (tmp_path / "set").exists()


def as_nobody(folder: Path) -> tuple[str, ...]:
    """What runs a command as nobody, who may write in `folder`."""
    if os.geteuid():
        pytest.skip("only root can become nobody")
    os.chmod(folder, 0o777)
    for parent in folder.parents:
        if not os.stat(parent).st_mode & 1:
            pytest.skip("the folder cannot be reached by nobody")
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not here")
    return (
        setpriv,
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    )


def in_user_namespace(_folder: Path) -> tuple[str, ...]:
    """What runs a command in a user namespace of its own."""
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-Ur", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no user namespaces here")
    return (unshare, "-Ur")


@pytest.mark.parametrize("who", [as_nobody, in_user_namespace])
def test_no_rights_are_needed(who: Callable[[Path], tuple[str, ...]]) -> None:
    need("ptrace")
    folder = Path("/tmp") / f"remaptrace-test-{os.getpid()}-{who.__name__}"
    folder.mkdir()
    try:
        done = p.record(
            folder / "set", ["/bin/sh", "-c", p.PIPES], "--with", "ptrace", prefix=who(folder), cwd="/"
        )
        assert done.returncode == 0, done.stderr
        complete(folder / "set", "map_counts")
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("with_", ["ptrace", "trace", "perf"])
def test_what_is_kept_of_a_recording_is_as_its_schema_says(with_: str, tmp_path: Path) -> None:
    need(with_)
    assert p.record(tmp_path / "set", ["/bin/ls", "/"], "--with", with_).returncode == 0
    facts = json.loads((tmp_path / "set" / "record.json").read_text())
    Draft202012Validator(schema_of("record", strict=True)).validate(facts)


def test_the_set_tells_of_the_machine_that_recorded(tmp_path: Path) -> None:
    need("ptrace")
    folder = tmp_path / "set"
    assert p.record(folder, ["/bin/ls", "/"]).returncode == 0
    facts = json.loads((folder / "record.json").read_text())
    assert facts["system"]["sysctl"]["vm.max_map_count"].isdigit()
    assert facts["system"]["rlimits"]["stack"]
    assert facts["ended"] == "exited"
    headers = json.loads((folder / "elf" / "headers.json").read_text())
    assert any(name.endswith("/ls") and headers[name]["loads"] for name in headers)
    assert b"VmFlags:" in next(folder.glob("maps/*.exit.smaps")).read_bytes()


def instances() -> set[str]:
    return {
        name for name in os.listdir(tracefs.open_tracefs() / "instances") if name.startswith("remaptrace-")
    }


def test_nothing_is_left_behind_even_after_sigkill(tmp_path: Path) -> None:
    need("trace")
    before = instances()
    args = [
        sys.executable,
        "-m",
        "remaptrace",
        "record",
        "-o",
        str(tmp_path / "set"),
        "--with",
        "trace",
        "--",
        "sleep",
        "60",
    ]
    with subprocess.Popen(args, env=p.environment(), stderr=subprocess.PIPE) as run:
        while not (new := {name for name in instances() - before if name.endswith(f"-{run.pid}")}):
            time.sleep(0.05)
            assert run.poll() is None
        time.sleep(0.5)
        run.kill()
    assert new <= instances()
    assert p.record(tmp_path / "next", ["/bin/true"], "--with", "trace").returncode == 0
    assert not new & instances()


def test_a_replay_has_the_limits_of_the_machine_that_recorded(tmp_path: Path) -> None:
    need("ptrace")
    folder = tmp_path / "set"
    assert p.record(folder, ["/bin/ls", "/"]).returncode == 0
    facts = json.loads((folder / "record.json").read_text())
    facts["system"]["sysctl"] |= {"vm.max_map_count": "262144", "vm.overcommit_memory": "0"}
    (folder / "record.json").write_text(json.dumps(facts))
    assert read_set(folder).machine["max_map_count"] == 262144


def test_a_guest_of_user_mode_linux_is_recorded_with_its_stubs(tmp_path: Path) -> None:
    need("trace")
    linux, setarch = shutil.which("linux.uml"), shutil.which("setarch")
    if linux is None or setarch is None:
        pytest.skip("linux.uml is not here")
    init = tmp_path / "init.sh"
    init.write_text(
        "#!/bin/sh\nmount -t proc proc /proc\nls / >/dev/null\necho o >/proc/sysrq-trigger\nsleep 5\n"
    )
    init.chmod(0o755)
    command = [
        setarch,
        os.uname().machine,
        "-R",
        linux,
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
    ]
    command += [f"init={init}", "mem=64M", "con=null", "con0=fd:0,fd:1"]
    done = p.record(tmp_path / "set", command, "--no-follow", "--with", "trace")
    assert done.returncode == 0, done.stderr
    trace = read_set(tmp_path / "set")
    assert len(trace.tasks) > 5
    assert not trace.skipped


def test_a_set_can_be_one_file(tmp_path: Path) -> None:
    need("ptrace")
    done = p.record(tmp_path / "ls.rtset.zst", ["/bin/ls", "/"])
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["ls.rtset.zst"]
    complete(tmp_path / "ls.rtset.zst")


def test_recording_stops_at_its_limit_and_the_program_goes_on(tmp_path: Path) -> None:
    need("ptrace")
    done = p.record(tmp_path / "set", ["/bin/sh", "-c", p.PIPES], "--with", "ptrace", "--limit", "4k")
    assert done.returncode == 0
    assert "continued" not in done.stderr
    assert json.loads((tmp_path / "set" / "record.json").read_text())["ended"] == "limit"
