"""Why a recorded call was refused: what the state shows, else what it leaves open, the likeliest first.

Two kinds of reasons. Where the replay's own state refuses, the reason is a fact, with the numbers of that call. Where
only the recording shows the refusal, everything that the state excludes is left out, and what would decide between
the rest is named. The order of checks is the kernel's: mm/mmap.c do_mmap and may_expand_vm, mm/util.c
__vm_enough_memory, mm/mlock.c, mm/mprotect.c, mm/madvise.c.
"""

from __future__ import annotations

from collections.abc import Callable

from ..abi.calls import KIND_NAMES
from ..abi.errnos import EACCES, EAGAIN, EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM, ERRNO_NOT_SHOWN, errno_name
from ..abi.kinds import (
    K_BRK,
    K_MADVISE,
    K_MBIND,
    K_MLOCK,
    K_MLOCK2,
    K_MLOCKALL,
    K_MMAP,
    K_MPROTECT,
    K_MREMAP,
    K_MUNMAP,
    K_OLD_MMAP,
    K_PKEY_MPROTECT,
    K_PROCESS_MADVISE,
    K_SHMAT,
    K_SHMGET,
    SPLITTING,
)
from ..abi.mman import (
    ADVICE,
    MAP_32BIT,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_NORESERVE,
    MAP_PRIVATE,
    MAP_TYPE,
    MCL_FUTURE,
    MREMAP_MAYMOVE,
)
from ..abi.vmflags import VM_EXEC, VM_WRITE
from ..engine.why import (
    TAKEN,
    WHY_FORBIDDEN,
    WHY_LIMIT_MET,
    WHY_LOCK_TAKEN,
    WHY_NONE,
    WHY_NOT_PRESENT,
    WHY_NOT_SHOWN,
    WHY_OCCUPIED_TAKEN,
    WHY_REFUSED,
    WHY_TAKEN,
    WHY_TEXT,
    WHY_ZERO_TAKEN,
)
from ..lateclasses import dataclass, replace
from ..machine.system.described import LSM_LOWEST
from ..result.result import Result
from .callreasons import BELIEVED, BUILT, BY_CALL, BY_WHY, OLD_ADVICE, SEGMENTS, SINCE, rests_on_belief
from .refusedcall import (
    BY_EXEC,
    NEAR,
    RefusedCall,
    lock_words,
    mlockalls,
    most_ever,
    refused_call,
    seen,
    size_words,
)
from .shownreasons import FACTS, near_commit_limit

_MOVE_ALL = 4  # MPOL_MF_MOVE_ALL
_LIMITS = "/proc/PID/limits"
_SEALABLE = (*SPLITTING, K_MREMAP, K_PKEY_MPROTECT)
"""Calls that mm/mseal.c keeps from sealed areas, wherever they are."""
_COMMIT = "CommitLimit of /proc/meminfo"
_AUDIT = "Seccomp of /proc/PID/status and the audit log"
_UNSEEN = "pages or files of which the log shows nothing"
_WANTS_PAGES = tuple(ADVICE[name] for name in ("collapse", "populate_read", "populate_write"))
_SHORT = "memory was short, of the machine or of its cgroup"
_MANY = 10_000
"""Areas from which their number is the likeliest cause, whatever limit is assumed."""
_LARGE_PART, _SMALL_PART = 8, 64
"""Parts of an address space from which a request may find no room among unseen areas, likelier than not or not."""
_LARGE_BESIDE_EXEC, _SMALL_BESIDE_EXEC = 2, 4
"""The same where only program, loader and stack were not seen."""
_HUGE_REQUEST = 1 << 30
"""Bytes from which one request alone may be beyond what a machine commits."""


@dataclass(frozen=True)
class Refusal:
    """A refused call. `causes`: one if `sure`, else the possible ones, the likeliest first; `decides`: between them."""

    event: int
    call: str
    errno: str
    sure: bool
    causes: tuple[str, ...]
    decides: str = ""
    notice: str = ""  # what else the refusal proves


def refusal_of(result: Result, event: int, why: int | None = None) -> Refusal:
    """What is known of the refusal at `event`, a call that the recording shows refused or whose `why` is set.

    `why` stands in for the replay's own reason.
    """
    at = refused_call(result, event)
    if why is not None:
        at = replace(at, why=why)
    causes, decides, notice = _causes(at)
    errno = "unchanged" if at.kind == K_BRK and at.why not in BY_WHY else errno_name(at.errno)
    return Refusal(event, KIND_NAMES[at.kind], errno, len(causes) == 1, causes, decides, notice)


def _causes(at: RefusedCall) -> tuple[tuple[str, ...], str, str]:
    """Causes, what decides, what else is proved."""
    if at.why in BY_WHY:
        return *BY_WHY[at.why], ""
    if at.why in TAKEN:
        return _TAKEN[at.why](at)
    if at.why == WHY_NONE:
        return ("not told by the replay",), "", ""
    fact = FACTS[at.why](at) if at.why in FACTS else WHY_TEXT[at.why]
    others, decides = BELIEVED[at.why] if rests_on_belief(at.result, at.event, at.why) else ((), "")
    return (fact, *others), decides, ""


# ---- what only the recording shows -----------------------------------------------------------

_Answer = tuple[tuple[str, ...], str, str]


def _of_exec(at: RefusedCall) -> str:
    """What comes on top of the areas that are counted."""
    return "" if at.exec_shown else " and what execve mapped"


def _map_limit(at: RefusedCall) -> str:
    """vm.max_map_count as a cause among others."""
    missing = at.limit - at.count
    if at.complete:
        return f"vm.max_map_count, if it was about {at.count:,}{_of_exec(at)} then"
    return f"vm.max_map_count, if {missing:,} more areas were there than the log shows (--maps brings them)"


def _not_shown(at: RefusedCall) -> _Answer:
    hole = "a part of the range was not mapped"
    unseen = "what was mapped there the log does not show"
    if (
        at.kind == K_MREMAP and at.errno == EFAULT
    ):  # mm/mremap.c check_prep_vma: no area, not one, or a special one
        special = "a special area, of a device or a ring, that may not grow"
        return (f"{hole}, or not by one area", special), "--maps of that moment", unseen
    if at.kind == K_MUNMAP and at.errno == EINVAL:  # mm/hugetlb.c hugetlb_vm_op_split
        whole = "an area of huge pages, which are unmapped whole only"
        return (whole,), "", "an area that the log does not show was mapped there"
    if at.kind == K_MREMAP or at.errno not in (ENOMEM, ERRNO_NOT_SHOWN):
        return _of_an_area(at)
    causes = [hole]
    if at.kind == K_MPROTECT:  # madvise at the limit is EAGAIN (mm/madvise.c)
        causes.insert(0, "vm.max_map_count was met")
    if at.kind == K_MADVISE and at.arg("a2") in _WANTS_PAGES:
        causes.append(_SHORT)
    if at.kind == K_MPROTECT and at.arg("a2") & VM_WRITE:
        causes.append("the commit limit, which memory made writable is charged to")
    if at.kind in (K_MLOCK, K_MLOCK2):
        causes.append("RLIMIT_MEMLOCK (ulimit -l)")
    return tuple(causes), "--maps of that moment", unseen


def _of_an_area(at: RefusedCall) -> _Answer:
    """An errno that memory which is not mapped does not give: an area was there, of a kind that nobody saw."""
    notice = "an area that the log does not show was mapped there"
    if at.kind == K_MREMAP and at.errno == ENOMEM:
        causes = [_map_limit(at)]
        if at.length:
            causes = ["RLIMIT_AS (ulimit -v)", *causes, "the commit limit (vm.overcommit_memory)"]
        if not at.arg("a3") & MREMAP_MAYMOVE:
            causes.insert(0, "an area right behind it that the log does not show")
        return tuple(causes), _LIMITS, notice
    if at.errno in (EACCES, EPERM):
        return _forbidden(at)  # a filter refuses whatever is mapped there
    if at.kind in (K_MLOCK, K_MLOCK2):
        return (_SHORT,), "", notice
    if at.kind == K_MREMAP and at.errno == EAGAIN:
        return ("RLIMIT_MEMLOCK (ulimit -l): the area was locked, and would have grown",), _LIMITS, notice
    areas = _UNSEEN
    if at.kind == K_MADVISE and at.errno == EINVAL and at.arg("a2") not in OLD_ADVICE:
        return (areas, "a kernel of another version or configuration"), "", ""  # asked before the area is
    return (areas,), "", notice


def _limit_met(at: RefusedCall) -> _Answer:
    missing = at.limit - at.count
    if at.complete and 0 <= missing <= (NEAR if at.exec_shown else BY_EXEC) and at.count > NEAR:
        text = f"vm.max_map_count ({at.limit:,}) was met: {at.count:,} areas are known"
        few = (
            f"{missing - 1} or {missing}" if missing > 1 else "1"
        )  # a change in the middle needs room for two
        return (text + (f", and {few} more were there" if missing else ""),), "", ""
    if at.complete:
        there = f"{at.count:,} area{'s' if at.count != 1 else ''}{_of_exec(at)}"
        lower = f"vm.max_map_count, lower than the {at.limit:,} assumed: {there} were there"
        return (lower, "the kernel itself was short of memory"), "/proc/sys/vm/max_map_count", ""
    text = f"vm.max_map_count was met: {missing:,} or {missing + 1:,} areas were there that the log does not show"
    return (text,), "", "--maps brings them"


def _growth(at: RefusedCall) -> _Answer:
    """ENOMEM of a call that asks for memory, or makes it writable."""
    most_total, most_data = most_ever(at)
    asked = size_words(at.length)
    first: list[str] = []
    causes: list[str] = []
    if at.kind in (K_MMAP, K_OLD_MMAP) and at.arg("a3") & MAP_32BIT:
        first.append("no free range of that length below 2 GiB, where the search begins at random")
    last: list[str] = []
    room = _room(at)
    if room:
        part = _LARGE_BESIDE_EXEC if at.complete else _LARGE_PART
        (first if at.length * part >= at.space else last).append(room)
    if at.count >= _MANY:
        first.append(_map_limit(at))
    becomes = at.kind == K_MPROTECT
    unseen = not (at.complete and at.exec_shown)
    if at.kind == K_MREMAP and not at.arg("a3") & MREMAP_MAYMOVE and unseen:
        first.append("an area right behind it that the log does not show")
    if at.kind == K_BRK and not at.complete:
        first.append("an area above the heap that the log does not show")
    if not at.known:
        causes += [
            "RLIMIT_AS (ulimit -v)",
            "RLIMIT_DATA (ulimit -d)",
            "the commit limit (vm.overcommit_memory)",
        ]
        return (*first, *causes, _map_limit(at)), _deciding(causes), ""
    if not becomes:
        mapped = seen(at, at.total)
        words = f"{mapped} were mapped and {asked} more asked for" if mapped else f"{asked} were asked for"
        words = f"RLIMIT_AS (ulimit -v): {words}"
        lowered = f"RLIMIT_AS, if it was changed: at another time {size_words(most_total)} were mapped"
        (causes if most_total <= at.total + at.length else last).append(
            words if most_total <= at.total + at.length else lowered
        )
    if _is_data(at):
        data = seen(at, at.data)
        words = f"{data} of data, {asked} more" if data else f"{asked} of data were asked for"
        words = f"RLIMIT_DATA (ulimit -d): {words}"
        lowered = f"RLIMIT_DATA, if it was changed: at another time {size_words(most_data)} were data"
        (causes if most_data <= at.data + at.length else last).append(
            words if most_data <= at.data + at.length else lowered
        )
    if _is_charged(at):
        words = f"the commit limit (vm.overcommit_memory, vm.overcommit_ratio): {asked} were to be charged"
        kept = at.kind in (K_MMAP, K_OLD_MMAP) and bool(at.arg("a3") & MAP_NORESERVE)
        if kept:  # mm/mmap.c do_mmap: not charged, but under strict accounting
            words = (
                f"the commit limit, if vm.overcommit_memory is 2, which does not heed MAP_NORESERVE: {asked}"
            )
        soon = at.length >= _HUGE_REQUEST or becomes or near_commit_limit(at)
        (first if soon and not kept else causes).append(words)
    if at.kind == K_BRK and (at.locked > 0 or _locks_what_comes(at)):
        locked = f"RLIMIT_MEMLOCK (ulimit -l): {lock_words(at)}"
        (first if _locks_what_comes(at) else causes).append(locked)
    limit = () if at.count >= _MANY else (_map_limit(at),)
    return (*first, *causes, *last, *limit), _deciding(first + causes), ""


def _room(at: RefusedCall) -> str:
    """An address space without so large a hole, where the log does not show all that was mapped; or empty."""
    moves = at.kind in (K_MMAP, K_OLD_MMAP) or (at.kind == K_MREMAP and bool(at.arg("a3") & MREMAP_MAYMOVE))
    part = _SMALL_BESIDE_EXEC if at.complete else _SMALL_PART
    if not moves or (at.complete and at.exec_shown) or at.length * part < at.space:
        return ""
    among = "areas that the log does not show" if not at.complete else "what execve mapped"
    return (
        f"no free range of {size_words(at.length)} among {among}: a process has {size_words(at.space)} in all"
    )


def _deciding(causes: list[str]) -> str:
    commit = any("commit limit" in cause for cause in causes)
    return f"{_LIMITS} and {_COMMIT}" if commit else _LIMITS


def _is_data(at: RefusedCall) -> bool:
    if at.kind in (K_MMAP, K_OLD_MMAP):
        return bool(at.arg("a2") & VM_WRITE) and at.arg("a3") & MAP_TYPE == MAP_PRIVATE
    return at.kind in (K_BRK, K_MREMAP) or (at.kind == K_MPROTECT and bool(at.arg("a2") & VM_WRITE))


def _is_charged(at: RefusedCall) -> bool:
    if at.kind in (K_MMAP, K_OLD_MMAP):
        shared_anonymous = at.arg("a3") & MAP_ANONYMOUS and at.arg("a3") & MAP_TYPE != MAP_PRIVATE
        private = at.arg("a2") & VM_WRITE and at.arg("a3") & MAP_TYPE == MAP_PRIVATE
        return bool(shared_anonymous or private)
    return _is_data(at)


def _locks_what_comes(at: RefusedCall) -> bool:
    """Whether the process asked for all later memory to be locked (MCL_FUTURE), as far as the log shows."""
    asked = mlockalls(at)
    return bool(asked) and bool(asked[-1] & MCL_FUTURE)


def _locks(at: RefusedCall) -> _Answer:
    """RLIMIT_MEMLOCK; ENOMEM of mlock may be the map limit too, where the lock splits an area."""
    limit = "RLIMIT_MEMLOCK (ulimit -l), without CAP_IPC_LOCK"
    if at.kind == K_MLOCKALL:
        mapped = seen(at, at.total) if at.known else ""
        return (f"{limit}: {mapped} were to be locked" if mapped else limit,), _LIMITS, ""
    text = f"{limit}: {lock_words(at)}"
    if at.kind in (K_MLOCK, K_MLOCK2):
        return (text, _map_limit(at)), _LIMITS, ""
    return (text,), _LIMITS, ""


def _no_right_to_lock(at: RefusedCall) -> _Answer:
    return (
        ("RLIMIT_MEMLOCK (ulimit -l) is 0, without CAP_IPC_LOCK", "a seccomp filter"),
        f"{_LIMITS} and Seccomp of /proc/PID/status",
        "",
    )


def _occupied(at: RefusedCall) -> _Answer:
    return (
        ("MAP_FIXED_NOREPLACE: something is mapped there that the log does not show",),
        "",
        "a page there is assumed",
    )


def _forbidden(at: RefusedCall) -> _Answer:
    """EPERM, EACCES, ENOSYS that nothing in the state explains."""
    if (at.kind, at.errno) in BY_CALL:
        return *BY_CALL[at.kind, at.errno], ""
    if at.errno == ENOSYS:
        return ("a seccomp filter, as containers have them", "a kernel built without this call"), _AUDIT, ""
    filters = "a seccomp filter"
    prot = at.arg("a2") if at.kind in (K_MMAP, K_OLD_MMAP, K_MPROTECT) else 0
    module = "a security module (SELinux, AppArmor, Smack)"
    sealed = "an area sealed by mseal before the log begins"
    if at.kind in (K_SHMAT, K_SHMGET) and at.errno == EACCES:
        return ("the mode of the segment, or its owner", module, filters), SEGMENTS, ""
    if at.errno == EPERM:
        if at.kind == K_PROCESS_MADVISE:
            return ("no right to trace the process, or no CAP_SYS_NICE", filters), _AUDIT, ""
        if at.kind == K_MBIND and at.arg("a5") & _MOVE_ALL:
            return ("MPOL_MF_MOVE_ALL without CAP_SYS_NICE", filters), "CapEff of /proc/PID/status", ""
        if prot & VM_EXEC:
            filters += ", such as MemoryDenyWriteExecute= of systemd"
        causes = [filters, module]
        fixed = at.kind in (K_MMAP, K_OLD_MMAP) and bool(at.arg("a3") & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        if fixed and 0 <= at.arg("a0") < LSM_LOWEST:  # security/commoncap.c cap_mmap_addr
            lowest = (
                f"vm.mmap_min_addr, if it was above {at.arg('a0'):,}: below it only CAP_SYS_RAWIO may map"
            )
            return (lowest, *causes), "/proc/sys/vm/mmap_min_addr", ""
        if at.kind in _SEALABLE and at.result.machine.kernel.values["mseal"] and not at.complete:
            causes.append(sealed)
        return tuple(causes), _AUDIT, ""
    causes = [module, filters]
    if prot & VM_EXEC and at.errno == EACCES:
        causes[0] += " that forbids executable memory"
        if at.kind == K_MPROTECT:
            causes.append("a file on a mount with noexec, if one is mapped there")
        causes.append("prctl(PR_SET_MDWE)" + ("" if at.complete else " before the log begins"))
    elif prot & VM_WRITE and at.errno == EACCES:
        shared = "a shared mapping of a descriptor that was not open for writing"
        of_file = (
            at.kind != K_MPROTECT
            and not at.arg("a3") & MAP_ANONYMOUS
            and at.arg("a3") & MAP_TYPE != MAP_PRIVATE
        )
        if at.kind == K_MPROTECT and not at.complete:
            causes.insert(0, shared)
        elif of_file:
            causes.append("a file with chattr +a")
    return tuple(causes), _AUDIT, ""


def _refused(at: RefusedCall) -> _Answer:
    """Every other errno that nothing in the state explains."""
    if (at.kind, at.errno) in BY_CALL:
        return *BY_CALL[at.kind, at.errno], ""
    if at.kind == K_MADVISE and at.errno == EINVAL and at.arg("a2") in SINCE:
        older = f"a kernel older than {SINCE[at.arg('a2')]}, which does not know the advice"
        return (older, _UNSEEN), "uname -r", ""
    if at.kind == K_MADVISE and at.arg("a2") in BUILT:
        return (f"a kernel built without {BUILT[at.arg('a2')]}",), "/proc/config.gz", ""
    if at.kind == K_MADVISE and at.arg("a2") == ADVICE["collapse"]:
        return ("no huge page could be made there: not enough pages, or none that may become one",), "", ""
    if at.errno == EAGAIN and at.kind != K_MADVISE:
        locked = "RLIMIT_MEMLOCK (ulimit -l), with an mlockall(MCL_FUTURE) that the log does not show"
        return (locked, "the file's own mmap method"), _LIMITS, ""
    if at.kind in (K_MMAP, K_OLD_MMAP):
        return ("the mmap method of the file or device",), "", ""
    return (_UNSEEN, "a kernel of another version or configuration"), "", ""


def _absent(at: RefusedCall) -> _Answer:
    return (
        (_SHORT,),
        "memory.events of the cgroup",
        "",
    )


_TAKEN: dict[int, Callable[[RefusedCall], _Answer]] = {
    WHY_NOT_SHOWN: _not_shown,
    WHY_LIMIT_MET: _limit_met,
    WHY_TAKEN: _growth,
    WHY_LOCK_TAKEN: _locks,
    WHY_ZERO_TAKEN: _no_right_to_lock,
    WHY_OCCUPIED_TAKEN: _occupied,
    WHY_FORBIDDEN: _forbidden,
    WHY_REFUSED: _refused,
    WHY_NOT_PRESENT: _absent,
}
