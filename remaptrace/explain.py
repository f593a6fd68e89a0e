"""What ``remaptrace explain`` knows: codes, outcomes, traps of the per-PTE series, terms, rules."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from .codes.code import ErrorCode
from .codes.table import CODES
from .defects import DEFECTS
from .machine.rules import RULES, Rule

OUTCOMES: dict[str, str] = {
    ("ok"): (
        "The access was done. 'minor' counts the page faults it took that needed no input or output, "
        "'major' those that read a page from a file or from swap."
    ),
    ("SIGSEGV/SEGV_MAPERR"): (
        "No VMA holds the address (and no stack may grow over it): SIGSEGV with si_code 1."
    ),
    ("SIGSEGV/SEGV_ACCERR"): (
        "A VMA holds the address, but its protection, or the page's own protection in its PTE, does not "
        "allow the access; or the page is a guard marker: SIGSEGV with si_code 2."
    ),
    "SIGSEGV/SEGV_PKUERR": "The area's protection key, by the thread's own rights (PKRU), does not allow the access: "
    "SIGSEGV with si_code 4.",
    "SIGBUS/BUS_ADRERR": "The page lies behind the end of the file or object that the VMA maps: SIGBUS.",
    "SIGSEGV/SI_KERNEL": "The address is not canonical on this architecture: the processor reports a general "
    "protection fault without an address.",
    ("LIVELOCK"): (
        "The same fault repeats for ever: the kernel finds nothing to refuse, the processor keeps refusing. "
        "A real task would burn its processor until killed; the replay stops the task. See T2."
    ),
    ("BUG"): (
        "The kernel stops itself at a BUG() check: on architectures without support for per-PTE protections "
        "that meet a PTE which the generic code wrote.  See T5."
    ),
    "OOM": "The fault handler takes the unknown refusal code for 'out of memory' and kills the task. See T5.",
    ("SIGSEGV/SEGV_ACCERR (spurious)"): (
        "The program was allowed to write, but the page was write-protected because it is clean (dirty "
        "tracking of files with write-back, since 2.6.19). With per-PTE protections the fault handler "
        "cannot tell this from a protection that was asked for, and refuses. shmem has no dirty tracking."
    ),
    "WAITS": "A userfaultfd is told of the fault, and the thread sleeps until the page is provided.",
    "SIGBUS/BUS_MCEERR_AR": "The page was poisoned through userfaultfd (UFFDIO_POISON): SIGBUS.",
    "UNDELIVERED": "The PTE refuses the access and the architecture's handler does not deliver the signal.",
}

TRAPS: dict[str, str] = {
    ("T1"): (
        "Lost flag. In the posted series remap_file_pages marks a VMA as having many protections only when "
        "the VMA was not non-linear yet. After a plain remap_file_pages a later MAP_CHGPROT call writes "
        "protections into the PTEs, but faults go by the VMA's protection: the requested one is lost. "
        "Kernel: linux-2.6.21-rfp; linux-2.6.21-rfp-intended sets the flag in either case."
    ),
    ("T2"): (
        "Write fault on an absent read-only page. The access kind is not checked when a file PTE is "
        "installed; in a VMA mapped writable a write makes the PTE writable although the page was remapped "
        "read-only. If the page was remapped PROT_NONE the PTE ends with the none bit and the write bit, "
        "and the fault repeats for ever (LIVELOCK). The intended preset refuses every access that the "
        "page's protection does not allow."
    ),
    ("T3"): (
        "Exec is not kept. On i386, x86_64 and um a file PTE keeps 'write' and 'none' only: NX is lost, "
        "every readable page can be executed after remapping. The intended preset keeps exec where the PTE "
        "has a bit for it."
    ),
    ("T4"): (
        "mprotect is refused only at the first VMA. A range that starts in an ordinary VMA and runs into "
        "one with many protections is not refused with EACCES; present PTEs change, file PTEs do not. The "
        "intended preset refuses the whole range before anything changes."
    ),
    ("T5"): (
        "Architectures without support compile with dummy macros: the protection is dropped from the file "
        "PTE and their fault handlers do not know the new refusal. What follows differs by architecture: "
        "BUG, an out-of-memory kill, an endless refault, a read that slips through."
    ),
}

TERMS: dict[str, str] = {
    ("course"): (
        "The sparkline behind a process: its VMA count over the trace, from the first event to the last, "
        "scaled from 0 to the highest peak shown. Columns of equal numbers of events."
    ),
    ("follow"): (
        "Mappings are placed where the recording says the real kernel placed them; everything else is "
        "checked. Default for recorded traces."
    ),
    ("predict"): (
        "The machine searches for free address space itself, as its kernel does. Default for scenarios."
    ),
    ("divergence"): (
        "The simulated answer differs from the recorded one: a result, a VMA count, a line of a map file."
    ),
    ("assumed"): (
        "An area that no map file names and no call made, but that a recorded call proves to exist. Map "
        "files (--maps, or PID.execN.maps beside the trace) remove the need to assume."
    ),
    ("map_count"): (
        "Number of VMAs of an address space, the number that vm.max_map_count limits. [vsyscall] is not one "
        "of them."
    ),
    ("VMA"): (
        "vm_area_struct: a range of addresses with one protection, one set of flags and one backing object. "
        "Each line of /proc/PID/maps is one."
    ),
    "minor": "A page fault that needs no input or output.",
    "major": "A page fault that reads from a file or from swap.",
    ("file PTE"): (
        "A PTE of an absent page of a non-linear mapping: it holds the page's offset in the file and, with "
        "per-PTE protections, its protection."
    ),
    ("guard region"): (
        "A page marked by madvise(MADV_GUARD_INSTALL), Linux 6.13: accesses are refused without a VMA of "
        "its own."
    ),
    ("non-linear"): (
        "A VMA whose pages are not in the order of the file (VM_NONLINEAR, 'nl'), made by the native "
        "remap_file_pages of kernels before 4.0."
    ),
    ("many-protections"): (
        "A VMA whose pages have protections of their own in their PTEs (VM_MANYPROTS, 'mp'), made by "
        "remap_file_pages with MAP_CHGPROT under the per-PTE protection series."
    ),
    ("not modelled"): (
        "A call that the engine does not carry out. The report names and counts them; those without effect "
        "on memory maps change nothing, others may explain a divergence behind them."
    ),
    "refused": "The call returned an error. The report counts by errno and names the first.",
    ("PTE and VMA differ"): (
        "Pages whose effective protection, as the PTE has it, is not the protection of their VMA. Only "
        "per-PTE protections and guard regions do that."
    ),
    "account": "VM_ACCOUNT: the area is charged against the commit limit, since it is, or was, private and writable. "
    "Neighbours that differ in it do not merge.",
    "special mapping": "[vdso], [vvar] and the like: areas of the kernel, which merge with nothing.",
    "offset": "Neighbours of one file whose pages do not follow each other in it, or anonymous memory that was moved: "
    "their page offsets (vm_pgoff) do not join, so they do not merge.",
    "nh": "VM_NOHUGEPAGE, set by MADV_NOHUGEPAGE, and by MAP_STACK since Linux 6.7. Neighbours that differ in it do "
    "not merge.",
    "both": "In `advise`: what is left if the pages of one VMA could differ in protection and in offset.",
    "guards": "Areas without access (PROT_NONE) beside accessible ones, such as below a stack. Each costs a VMA, which "
    "a guard region does not.",
    "VMA bytes": "map_count times the size of a vm_area_struct on this kernel; see the rule vma_bytes.",
}

ERRNOS: dict[str, str] = {
    "ENOMEM": "Of mmap, mremap: vm.max_map_count is met (/proc/sys/vm/max_map_count), RLIMIT_AS (ulimit -v), "
    "RLIMIT_DATA (ulimit -d), the commit limit (vm.overcommit_memory), or no free range of that length. Of mprotect "
    "and munmap: a split beyond vm.max_map_count; of mprotect also a part of the range that is not mapped, or the "
    "commit limit for memory made writable. Of madvise, msync, mincore: a part of the range is not mapped. Of "
    "mlock: that, or RLIMIT_MEMLOCK. With MAP_HUGETLB: no huge page is free. `advise LOG` says which of them the "
    "state shows.",
    "EACCES": "Of mmap: the descriptor is not open for what was asked (a shared writable mapping needs one open for "
    "reading and writing). Of mprotect: the area's VM_MAY bits do not allow the protection (a file open read-only, a "
    "noexec mount), or a security module or memory-deny-write-execute forbids it.",
    "EPERM": "Of mmap: PROT_EXEC on a noexec mount, a file sealed against writing, or a security module. Of mprotect, "
    "munmap, mremap: an area sealed by mseal. Of mlock: RLIMIT_MEMLOCK is 0. Of any call: a seccomp filter.",
    "EAGAIN": "Of madvise: the kernel had no memory for it, which is also its word for a split beyond "
    "vm.max_map_count. Of mmap with MAP_LOCKED, and mremap of locked memory: RLIMIT_MEMLOCK.",
    "EEXIST": "Of mmap with MAP_FIXED_NOREPLACE: a part of the range is mapped already.",
    "EINVAL": "An argument that the call does not take: an address or offset that is not page-aligned, a length of "
    "0, unknown flags; of madvise also an advice that the area does not allow; of munmap and mprotect also a special "
    "area or huge page that may not be split there.",
    "EBADF": "Of mmap: no such descriptor is open, and MAP_ANONYMOUS was not given.",
    "ENODEV": "Of mmap: the file cannot be mapped (a directory, a pipe, most of /proc and /sys).",
    "EFAULT": "Of mremap: the old range is not mapped, or it is of several areas and cannot be changed as one.",
}


def topics() -> dict[str, list[str]]:
    """Everything that can be explained, by section."""
    return {
        "error codes": sorted(CODES),
        "outcomes of an access": list(OUTCOMES),
        "traps of the per-PTE series": list(TRAPS),
        "defects of PTE words": list(DEFECTS),
        "terms of the reports": list(TERMS),
        "errors of memory calls": list(ERRNOS),
        "rules of kernels": list(RULES),
    }


def explain(name: str) -> str | None:
    """A paragraph about `name`, or None when nothing is known. Case does not matter."""
    wanted = name.strip().lower()
    found: list[str] = []
    for code, entry in CODES.items():
        if code.lower() == wanted:
            found.append(_code_text(entry))
    for table in (OUTCOMES, TRAPS, DEFECTS, TERMS, ERRNOS):
        for key, text in table.items():
            if wanted in _spellings(key):
                found.append(_paragraph(key, text))
    for rule in RULES.values():
        if wanted == rule.name.lower():
            found.append(_paragraph(f"{rule.name} (rule of a kernel)", _rule_text(rule)))
    return "\n\n".join(found) or None


def _spellings(key: str) -> Iterable[str]:
    low = key.lower()
    return {low, *low.split("/"), low.replace("-", " "), low.replace(" ", "-")}


def _code_text(entry: ErrorCode) -> str:
    text = _paragraph(f"{entry.code}: {entry.title}", entry.meaning)
    if entry.example:
        text += "\n\n" + textwrap.indent(entry.example, "      ")
    if entry.advice:
        text += "\n\n" + textwrap.fill(entry.advice, width=78, initial_indent="  ", subsequent_indent="  ")
    return text


def _rule_text(rule: Rule) -> str:
    if rule.choices:
        default = rule.choices[rule.default]
        values = f"One of: {', '.join(rule.choices)}."
    else:
        default = str(bool(rule.default)).lower() if rule.kind == "bool" else str(rule.default)
        values = "true or false." if rule.kind == "bool" else "A number."
    return f"{rule.doc}. {values} Without a preset: {default}. Change it with --set {rule.name}=VALUE."


def _paragraph(title: str, text: str) -> str:
    body = textwrap.fill(text, width=78, initial_indent="  ", subsequent_indent="  ")
    return f"{title}\n{body}"
