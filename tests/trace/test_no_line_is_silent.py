"""A line of every call that the strace reader knows, mutated in each argument: an event, skipped, counted or counted as
of no interest to memory, and one of them only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from remaptrace.abi.kinds import K_PIDFD, K_PROCESS_MADVISE, K_PROCESS_VM, K_SETRLIMIT
from remaptrace.trace.events import Trace
from remaptrace.trace.strace.args import split_arguments
from remaptrace.trace.strace.calls import known_calls
from remaptrace.trace.strace.fast import FastStraceReader
from remaptrace.trace.strace.read import StraceReader

BEFORE = """\
7 execve("/bin/a", ["a"], 0x7ffc00000000 /* 1 var */) = 0
7 fork() = 8
7 openat(AT_FDCWD, "/tmp/f", O_RDWR) = 3
7 userfaultfd(O_CLOEXEC) = 4
7 pidfd_open(8, 0) = 5
"""
LINES = """\
accept(9, NULL, NULL) = 10
accept4(9, {sa_family=AF_UNIX}, [110 => 2], SOCK_CLOEXEC) = 10
arch_prctl(ARCH_MAP_VDSO_64, 0x7f0000000000) = 0
arch_prctl(ARCH_SET_FS, 0x7f0000000000) = 0
bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_RINGBUF, key_size=0, value_size=0, max_entries=4096}, 72) = 10
brk(0x55d0c0000000) = 0x55d0c0000000
clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f0000000000) = 20
clone(child_stack=NULL, flags=CLONE_PIDFD|SIGCHLD, parent_tid=[10]) = 20
clone3({flags=CLONE_PIDFD|CLONE_PARENT_SETTID, pidfd=0x7ffc00, parent_tid=0x7ffc08, exit_signal=SIGCHLD, stack=NULL, \
stack_size=0} => {pidfd=[10], parent_tid=[20]}, 88) = 20
clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_SIGHAND, parent_tid=0x7f0000000990, exit_signal=0, stack=0x7f0000000000, \
stack_size=0x7fff80} => {parent_tid=[20]}, 88) = 20
close(3) = 0
close_range(3, 4294967295, 0) = 0
creat("/tmp/g", 0644) = 10
dup(3) = 10
dup2(3, 10) = 10
dup3(3, 10, O_CLOEXEC) = 10
epoll_create(1) = 10
epoll_create1(EPOLL_CLOEXEC) = 10
eventfd(0) = 10
eventfd2(0, EFD_CLOEXEC) = 10
execve("/bin/b", ["b", "-x"], 0x7ffc00000000 /* 1 var */) = 0
execveat(3, "b", ["b"], 0x7ffc00000000 /* 1 var */, 0) = 0
exit(0) = ?
exit_group(3) = ?
fallocate(3, FALLOC_FL_KEEP_SIZE, 0, 8192) = 0
fanotify_init(FAN_CLOEXEC, O_RDONLY) = 10
fcntl(3, F_DUPFD_CLOEXEC, 10) = 10
fcntl(3, F_SETFD, FD_CLOEXEC) = 0
fcntl64(3, F_ADD_SEALS, F_SEAL_GROW) = 0
fork() = 20
fsopen("ext4", 0) = 10
ftruncate(3, 8192) = 0
ftruncate64(3, 8192) = 0
inotify_init() = 10
inotify_init1(IN_CLOEXEC) = 10
io_destroy(0x7f0000000000) = 0
io_setup(128, [0x7f0000000000]) = 0
io_uring_setup(8, {flags=0, sq_thread_cpu=0}) = 10
ioctl(10, KVM_CREATE_VCPU, 0) = 11
ioctl(3, DRM_IOCTL_I915_GEM_MMAP, 0x7ffc00000000) = 0
ioctl(4, UFFDIO_API, {api=0xaa, features=0 => features=0x1ff, ioctls=0x8000000000000003}) = 0
ioctl(4, UFFDIO_COPY, {dst=0x7f0000000000, src=0x7f0000001000, len=4096, mode=0, copy=4096}) = 0
ioctl(4, UFFDIO_REGISTER, {range={start=0x7f0000000000, len=0x1000}, mode=0x1, ioctls=0x3c}) = 0
ioctl(4, UFFDIO_WAKE, {start=0x7f0000000000, len=0x1000}) = 0
ioctl(3, TCGETS, 0x7ffc00000000) = 0
ipc(SHMAT, 3, 0, [0x7f0000000000], NULL) = 0
landlock_create_ruleset({handled_access_fs=LANDLOCK_ACCESS_FS_EXECUTE}, 8, 0) = 10
madvise(0x7f0000000000, 4096, MADV_DONTNEED) = 0
map_shadow_stack(0, 4096, 0x1) = 0x7f0000000000
mbind(0x7f0000000000, 4096, MPOL_BIND, [0x1], 2, 0) = 0
memfd_create("m", MFD_CLOEXEC) = 10
memfd_secret(0) = 10
mincore(0x7f0000000000, 4096, [1]) = 0
mlock(0x7f0000000000, 4096) = 0
mlock2(0x7f0000000000, 4096, MLOCK_ONFAULT) = 0
mlockall(MCL_CURRENT) = 0
mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE, 3, 0x1000) = 0x7f0000000000
mmap2(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE, 3, 0x1000) = 0xb7000000
mprotect(0x7f0000000000, 4096, PROT_READ) = 0
mremap(0x7f0000000000, 4096, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, 0x7f0000100000) = 0x7f0000100000
mseal(0x7f0000000000, 4096, 0) = 0
msync(0x7f0000000000, 4096, MS_SYNC) = 0
munlock(0x7f0000000000, 4096) = 0
munlockall() = 0
munmap(0x7f0000000000, 4096) = 0
open("/tmp/g", O_RDWR|O_CREAT, 0644) = 10
open_tree(AT_FDCWD, "/tmp", OPEN_TREE_CLOEXEC) = 10
openat(AT_FDCWD, "/tmp/g", O_RDWR|O_CREAT, 0644) = 10
openat2(AT_FDCWD, "/tmp/g", {flags=O_RDWR, resolve=0}, 24) = 10
perf_event_open({type=PERF_TYPE_HARDWARE, size=128}, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) = 10
personality(ADDR_NO_RANDOMIZE) = 0
pidfd_getfd(5, 3, 0) = 10
pidfd_open(8, 0) = 10
pipe([10, 11]) = 0
pipe2([10, 11], O_CLOEXEC) = 0
pkey_alloc(0, PKEY_DISABLE_WRITE) = 1
pkey_free(1) = 0
pkey_mprotect(0x7f0000000000, 4096, PROT_READ, 1) = 0
prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x7f0000000000, 4096, "heap") = 0
prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) = 0
prctl(PR_SET_NAME, "worker") = 0
prlimit(0, RLIMIT_AS, {rlim_cur=4096*1024, rlim_max=RLIM64_INFINITY}, NULL) = 0
prlimit64(0, RLIMIT_AS, {rlim_cur=4096*1024, rlim_max=RLIM64_INFINITY}, NULL) = 0
prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0
process_madvise(5, [{iov_base=0x7f0000000000, iov_len=4096}], 1, MADV_COLD, 0) = 4096
process_mrelease(5, 0) = 0
process_vm_writev(8, [{iov_base="x", iov_len=1}], 1, [{iov_base=0x7f0000000000, iov_len=1}], 1, 0) = 1
remap_file_pages(0x7f0000000000, 4096, 0, 1, 0) = 0
set_mempolicy_home_node(0x7f0000000000, 4096, 0, 0) = 0
setresuid(-1, 1000, -1) = 0
setresuid32(-1, 1000, -1) = 0
setreuid(-1, 1000) = 0
setreuid32(-1, 1000) = 0
setrlimit(RLIMIT_DATA, {rlim_cur=4096*1024, rlim_max=RLIM64_INFINITY}) = 0
setuid(1000) = 0
setuid32(1000) = 0
shmat(1, NULL, 0) = 0x7f0000000000
shmctl(1, IPC_RMID, NULL) = 0
shmdt(0x7f0000000000) = 0
shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 1
signalfd(-1, [INT], 8) = 10
signalfd4(-1, [INT], 8, SFD_CLOEXEC) = 10
socket(AF_PACKET, SOCK_RAW, 768) = 10
socketpair(AF_UNIX, SOCK_STREAM, 0, [10, 11]) = 0
subpage_prot(0x7f0000000000, 4096, 0x7ffc0000) = 0
timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) = 10
uselib("/lib/x.so") = 0
userfaultfd(O_CLOEXEC) = 10
vfork() = 20
vm86(1, 0x7ffc0000) = 0
vm86old(0x7ffc0000) = 0
""".splitlines()
TOKENS = (
    "",
    "NULL",
    "0",
    "-1",
    "0x7ffe00000000",
    "?",
    "{}",
    "[]",
    "...",
    "NEW_NAME",
    "[{a=1}]",
    '"x"...',
    "{...}",
    "99" * 12,
)
RESULTS = (
    "?",
    "? ERESTARTNOINTR (To be restarted)",
    "-1 EINVAL (Invalid argument)",
    "0",
    "4096",
    "-1",
    "0x7f0000002000",
)


def mutations(line: str) -> Iterator[str]:
    name, text = line.partition("(")[0], line.encode()
    arguments, end = split_arguments(text, len(name) + 1)
    words, result = [a.decode() for a in arguments], line[end:].strip().removeprefix("= ")
    yield line

    def made(some: list[str], returned: str = result) -> str:
        return f"{name}({', '.join(some)}) = {returned}"

    for returned in RESULTS:
        yield made(words, returned)
    for at, word in enumerate(words):
        yield made(words[:at] + words[at + 1 :])
        for token in TOKENS:
            yield made([*words[:at], token, *words[at + 1 :]])
        for member in re.finditer(r"\w+(?==)", word):  # renamed, left out, emptied
            changed = word[: member.start()] + "x" + word[member.start() :]
            yield made([*words[:at], changed, *words[at + 1 :]])
            cut = re.sub(
                rf"(, )?\b{member.group()}=(?:\[[^]]*\]|{{[^}}]*}}|[^,}}\]]*)",
                "",
                word[member.start() :],
                count=1,
            )
            yield made([*words[:at], word[: member.start()] + cut, *words[at + 1 :]])
            emptied = re.sub(r"=(?:\[[^]]*\]|{[^}]*}|[^,}\]]*)", "=", word[member.start() :], count=1)
            yield made([*words[:at], word[: member.start()] + emptied, *words[at + 1 :]])
            torn = re.sub(
                r"=(?:\[[^]]*\]|{[^}]*}|[^,}\]]*)", "=0x7ffe00000000", word[member.start() :], count=1
            )
            yield made([*words[:at], word[: member.start()] + torn, *words[at + 1 :]])
    yield made([*words, "0x1"])


def read(text: str, reader: type[StraceReader] = StraceReader) -> Trace:
    one = reader(text.encode(), "log")
    one.read_all()
    return one.finish()


def accounts(trace: Trace, line: int) -> Counter[str]:
    """What became of a line: how many events, skipped places and counted calls it made."""
    events = int((trace.columns["line"] == line).sum())
    found = Counter(event=events, skipped=sum(skip.line == line for skip in trace.skipped))
    found["ignored"], found["unmodelled"] = sum(trace.ignored.values()), sum(trace.unmodelled.values())
    return +found


def test_there_is_a_line_of_every_call_that_the_reader_knows() -> None:
    assert {line.partition("(")[0].encode() for line in LINES} == known_calls()


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.partition(" =")[0][:50])
def test_a_mutated_line_is_event_skipped_or_counted_and_one_of_them_only(line: str) -> None:
    number = BEFORE.count("\n") + 1
    for mutated in mutations(line):
        found = set(accounts(read(f"{BEFORE}7 {mutated}\n"), number))
        assert len(found) == 1 or found == {"event", "unmodelled"}, (
            mutated,
            found,
        )  # of some ranges, and of more


def test_the_compiled_reader_takes_mutated_lines_of_all_calls_as_the_plain_one_does() -> None:
    for line in LINES:
        text = "".join(f"{BEFORE}7 {mutated}\n" for mutated in mutations(line))
        plain, fast = read(text), read(text, FastStraceReader)
        assert all(np.array_equal(column, fast.columns[name]) for name, column in plain.columns.items()), line
        told = [(one.skipped, one.ignored, one.unmodelled, one.notes, one.strings) for one in (plain, fast)]
        assert told[0] == told[1], line


@pytest.mark.parametrize(
    ("call", "read_as"),
    [
        (
            "process_vm_writev(8, {l}, 1, {i}, 2, 0) = 5000",
            [(K_PROCESS_VM, 0x1000, 4096), (K_PROCESS_VM, 0x8000, 904)],
        ),
        ("process_madvise(5, {i}, 2, MADV_COLD, 0) = 4096", [(K_PROCESS_MADVISE, 0x1000, 4096)]),
    ],
)
def test_ranges_that_strace_leaves_out_are_counted_as_not_modelled(
    call: str, read_as: list[tuple[int, ...]]
) -> None:
    full = "[{iov_base=0x1000, iov_len=4096}, {iov_base=0x8000, iov_len=4096}]"
    cut = "[{iov_base=0x1000, iov_len=4096}, ...]"
    local = '[{iov_base="x"..., iov_len=8192}]'
    for shown in (full, cut):
        trace = read(BEFORE + "7 " + call.replace("{l}", local).replace("{i}", shown) + "\n")
        at = np.isin(trace.columns["kind"], (K_PROCESS_VM, K_PROCESS_MADVISE))
        events = zip(*(trace.columns[name][at].tolist() for name in ("kind", "a0", "a1")), strict=True)
        done = [one for one in events if one[2]]
        assert done[: len(read_as)] == (read_as if shown == full else read_as[:1])
        assert bool(trace.unmodelled) == (shown == cut and len(read_as) > 1)


@pytest.mark.parametrize(
    "birth",
    [
        "clone3({flags=CLONE_PIDFD|CLONE_PARENT_SETTID|CLONE_CHILD_SETTID, pidfd=0x7c2c, child_tid=0x7c24, "
        "parent_tid=0x7c28, exit_signal=SIGCHLD, stack=NULL, stack_size=0} => {pidfd=[9], parent_tid=[20]}, 88) = 20",
        "clone3({flags=CLONE_PIDFD|CLONE_PARENT_SETTID, pidfd=0x7ffc46bb2c, parent_tid=0x7c28, exit_signal=SIGCHLD, "
        "stack=NULL, stack_size=0} => {pidfd=[9<anon_inode:[pidfd]>], parent_tid=[20]}, 88) = 20",
        "clone3({flags=CLONE_PIDFD, pidfd=0x7ffc46bb2c, exit_signal=SIGCHLD, stack=NULL, stack_size=0} => "
        "{pidfd=[9<pid:20>]}, 88) = 20",
        "clone3({flags=0x1101000, pidfd=0x7ffea8ffc, child_tid=0x7ffea8ff4, parent_tid=0x7ffea8ff8, exit_signal=17, "
        "stack=NULL, stack_size=0} => {pidfd=[9], parent_tid=[20]}, 88) = 20",
        "clone3({flags=CLONE_PIDFD|CLONE_CLEAR_SIGHAND, pidfd=0x7edc, exit_signal=SIGCHLD, stack=NULL, stack_size=0, "
        "set_tid=[20], set_tid_size=1} => {pidfd=[9]}, 88) = 20",
        "clone(child_stack=NULL, flags=CLONE_PIDFD|SIGCHLD, parent_tid=[9]) = 20",
        "clone(child_stack=NULL, flags=CLONE_PIDFD|SIGCHLD, parent_tid=[9<anon_inode:[pidfd]>]) = 20",
        "clone(child_stack=NULL, flags=0x1000 /* CLONE_PIDFD */|17 /* SIGCHLD */, parent_tid=[9<pid:20>]) = 20",
        "clone(child_stack=NULL, flags=0x1000|17, parent_tid=[9]) = 20",
    ],
)
@pytest.mark.parametrize("reader", [StraceReader, FastStraceReader])
def test_a_birth_that_stores_a_pidfd_opens_it(birth: str, reader: type[StraceReader]) -> None:
    later = "process_madvise(9, [{iov_base=0x1000, iov_len=4096}], 1, MADV_COLD, 0) = 4096"
    trace = read(f"{BEFORE}7 {birth}\n7 {later}\n", reader)
    assert not trace.skipped
    kinds, args = trace.columns["kind"].tolist(), trace.columns["a0"].tolist()
    assert (K_PIDFD, 20) in zip(kinds, args, strict=True)
    assert trace.columns["ret"][kinds.index(K_PIDFD, kinds.index(K_PIDFD) + 1)] == 9
    assert trace.tasks["pid"][trace.columns["task"][kinds.index(K_PROCESS_MADVISE)]] == 20
    assert trace.columns["a1"][len(kinds) - 3 :].tolist()[0] & 0x100 == 0  # no CLONE_VM: a process


def test_a_parent_tid_beside_other_flags_is_no_descriptor() -> None:
    trace = read(
        BEFORE + "7 clone(child_stack=NULL, flags=CLONE_PARENT_SETTID|SIGCHLD, parent_tid=[20]) = 20\n"
    )
    assert trace.columns["kind"].tolist().count(K_PIDFD) == 1


def test_a_limit_that_is_not_shown_is_not_modelled_and_one_of_another_process_is_its_own() -> None:
    files = "7 prlimit64(0, RLIMIT_NOFILE, 0x7ffc0000, NULL) = 0\n"
    hidden = read(BEFORE + "7 setrlimit(RLIMIT_AS, 0x7ffc00000000) = 0\n" + files)
    assert hidden.unmodelled == {"setrlimit (the limit is not shown)": 1} and hidden.ignored == {
        "prlimit64": 1
    }
    asked = read(
        BEFORE + "".join(f"7 prlimit64(0, 0x3, {none}, 0x7ffc0000) = 0\n" for none in ("0", "0x0", "NULL"))
    )
    assert not asked.unmodelled and asked.ignored == {"prlimit64": 3}
    other = read(BEFORE + "7 prlimit64(8, RLIMIT_AS, {rlim_cur=4096*1024, rlim_max=4096*1024}, NULL) = 0\n")
    at = other.columns["kind"].tolist().index(K_SETRLIMIT)
    assert other.tasks["pid"][other.columns["task"][at]] == 8


@pytest.mark.parametrize(("name", "told"), [("ioctl", "skipped"), ("mmap", "skipped"), ("futex", "ignored")])
def test_the_second_part_of_a_call_that_began_before_the_log_is_counted_or_skipped(
    name: str, told: str
) -> None:
    trace = read(f"9 <... {name} resumed>) = 0\n9 brk(NULL) = 0x1000\n")
    assert accounts(trace, 1)[told] == 1


def test_a_fault_whose_address_is_torn_off_is_skipped_and_a_sent_signal_is_not() -> None:
    for torn in ("{si_signo=SIGSEGV, si_code=SEGV_MAPERR}", "{si_signo=SIGSEGV, si_addr=NULL}"):
        assert len(read(f"{BEFORE}7 --- SIGSEGV {torn} ---\n").skipped) == 1
    assert not read(BEFORE + "7 --- SIGSEGV {si_signo=SIGSEGV, si_code=SI_USER, si_pid=1} ---\n").skipped
