"""Counters and maps find their moment: at an exec of a thread, a thread's birth, the end of a killed process."""

from __future__ import annotations

from pathlib import Path

from remaptrace.trace.recorded.read import read_set

HEAD = "# tracer: nop\n#\n"


def line(comm: str, tid: int, tgid: int, time: float, words: str) -> str:
    return f"{comm:>16}-{tid:<7} ( {tgid:6}) [000] ..... {time:12.6f}: {words}\n"


def a_set(folder: Path, text: str, counts: str = "", maps: dict[str, str] | None = None) -> Path:
    (folder / "maps").mkdir(parents=True)
    (folder / "ftrace.txt").write_text(HEAD + text)
    if counts:
        (folder / "mapcount.txt").write_text(counts)
    for name, content in (maps or {}).items():
        (folder / "maps" / name).write_text(content)
    return folder


def test_counters_behind_an_exec_of_a_thread_belong_to_the_leaders_id(tmp_path: Path) -> None:
    text = (
        line("a", 100, 100, 1.0, "sys_execve(filename: 0x1, argv: 0x2, envp: 0x3)")
        + line("a", 100, 100, 1.1, "sched_process_exec: filename=/bin/a pid=100 old_pid=100")
        + line("a", 100, 100, 1.2, "sys_execve -> 0x0")
        + line("a", 100, 100, 1.3, "sys_brk(brk: 0)")
        + line("a", 100, 100, 1.4, "sys_brk -> 0x5000000")
        + line("a", 100, 100, 1.5, "task_newtask: pid=101 comm=a clone_flags=3d0f00 oom_score_adj=0")
        + line("a", 101, 100, 1.6, "sys_execve(filename: 0x1, argv: 0x2, envp: 0x3)")
        + line("b", 100, 100, 1.7, "sched_process_exec: filename=/bin/b pid=100 old_pid=101")
        + line("b", 100, 100, 1.8, "sys_execve -> 0x0")
        + line("b", 100, 100, 1.9, "sys_brk(brk: 0)")
        + line("b", 100, 100, 2.0, "sys_brk -> 0x6000000")
        + line("b", 100, 100, 2.1, "sys_exit_group(error_code: 0)")
        + line("b", 100, 100, 2.2, "sched_process_exit: comm=b pid=100 prio=120 group_dead=true")
    )
    counts = (
        "1200000000 100 100 exit_execve 0 13 132 7 33 0\n1400000000 100 100 exit_brk 5000000 13 132 7 33 0\n"
        "1800000000 100 100 exit_execve 0 12 130 7 33 0\n2000000000 100 100 exit_brk 6000000 12 130 7 33 0\n"
        "2100000000 100 100 enter_exit_group 0 12 130 7 33 0\n"
    )
    trace = read_set(a_set(tmp_path / "set", text, counts))
    assert trace.truth is not None
    assert trace.truth["map_count"].tolist() == [13, 13, 12, 12, 12]
    assert not [note for note in trace.notes if "no event" in note]


def test_a_counter_at_a_threads_birth_that_shows_another_call_under_way_is_not_compared(
    tmp_path: Path,
) -> None:
    flags = "clone_flags=3d0f00 oom_score_adj=0"
    mmap = "sys_mmap(addr: 0, len: 2000, prot: 3, flags: 22, fd: ffffffff, off: 0)"
    text = (
        line("a", 100, 100, 1.0, "sys_execve(filename: 0x1, argv: 0x2, envp: 0x3)")
        + line("a", 100, 100, 1.1, "sched_process_exec: filename=/bin/a pid=100 old_pid=100")
        + line("a", 100, 100, 1.2, "sys_execve -> 0x0")
        + line("a", 100, 100, 1.3, f"task_newtask: pid=101 comm=a {flags}")
        + line("a", 101, 100, 1.4, mmap)
        + line("a", 100, 100, 1.5, "sys_clone3(uargs: 0x7, size: 58)")
        + line("a", 100, 100, 1.6, f"task_newtask: pid=102 comm=a {flags}")
        + line("a", 100, 100, 1.7, "sys_clone3 -> 0x66")
        + line("a", 102, 100, 1.75, "sys_munmap(addr: 7f0000100000, len: 1000)")
        + line("a", 102, 100, 1.76, "sys_munmap -> 0x0")
        + line("a", 101, 100, 1.8, "sys_mmap -> 0x7f0000000000")
    )
    counts = (
        "1200000000 100 100 exit_execve 0 13 132 7 33 0\n1700000000 100 100 exit_clone3 66 14 134 9 33 0\n"
        "1760000000 100 102 exit_munmap 0 13 133 8 33 0\n1800000000 100 101 exit_mmap 7f0000000000 14 134 9 33 0\n"
    )
    trace = read_set(a_set(tmp_path / "set", text, counts))
    assert trace.truth is not None
    assert trace.truth["map_count"].tolist() == [13, 13, 14]
    assert any("as a thread was born" in note for note in trace.notes)


def test_the_maps_of_a_process_that_a_signal_killed_stand_behind_its_last_event(tmp_path: Path) -> None:
    text = (
        line("a", 100, 100, 1.0, "sys_execve(filename: 0x1, argv: 0x2, envp: 0x3)")
        + line("a", 100, 100, 1.1, "sched_process_exec: filename=/bin/a pid=100 old_pid=100")
        + line("a", 100, 100, 1.2, "sys_execve -> 0x0")
        + line("a", 100, 100, 1.3, "sys_mmap(addr: 0, len: 2000, prot: 3, flags: 22, fd: ffffffff, off: 0)")
        + line("a", 100, 100, 1.4, "sys_mmap -> 0x7f0000000000")
        + line("a", 100, 100, 1.5, "sched_process_exit: comm=a pid=100 prio=120 group_dead=true")
    )
    start = "10000-12000 r-xp 00000000 08:01 5    /bin/a\n7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0    [stack]\n"
    end = start.replace("7ffffffde000", "7f0000000000-7f0000002000 rw-p 00000000 00:00 0 \n7ffffffde000")
    trace = read_set(a_set(tmp_path / "set", text, maps={"100.exec1.maps": start, "100.exit.maps": end}))
    (event,) = [file.event for file in trace.maps if file.moment == "exit"]
    assert trace.columns["kind"][event] == 1  # mmap
