"""Names of the kernel that reports use: flags of areas, limits, guards against calls."""

from __future__ import annotations

FLAGS: dict[str, str] = {
    "rd": "VM_READ: may be read.",
    "wr": "VM_WRITE: may be written.",
    "ex": "VM_EXEC: may be executed.",
    "sh": "VM_SHARED: writes go to the file or the shared object.",
    "mr": "VM_MAYREAD: mprotect may make it readable.",
    "mw": "VM_MAYWRITE: mprotect may make it writable.",
    "me": "VM_MAYEXEC: mprotect may make it executable; not on a mount with noexec.",
    "ms": "VM_MAYSHARE: a mapping made MAP_SHARED.",
    "gd": "VM_GROWSDOWN: a stack, which grows down by faults.",
    "um": "VM_UFFD_MISSING: a userfaultfd is told of missing pages.",
    "pf": "VM_PFNMAP: page frames without struct page, as of devices.",
    "gu": "VM_MAYBE_GUARD: it may hold guard regions (6.18.44).",
    "uw": "VM_UFFD_WP: a userfaultfd is told of writes.",
    "lo": "VM_LOCKED: mlock; pages stay in memory.",
    "io": "VM_IO: memory of a device.",
    "sr": "VM_SEQ_READ: MADV_SEQUENTIAL.",
    "rr": "VM_RAND_READ: MADV_RANDOM.",
    "dc": "VM_DONTCOPY: MADV_DONTFORK; a child does not get it.",
    "de": "VM_DONTEXPAND: mremap may not make it larger.",
    "lf": "VM_LOCKONFAULT: locked as pages come in.",
    "ac": "VM_ACCOUNT: charged against the commit limit.",
    "nr": "VM_NORESERVE: MAP_NORESERVE; not charged.",
    "ht": "VM_HUGETLB: huge pages of the pool.",
    "sf": "VM_SYNC: MAP_SYNC.",
    "wf": "VM_WIPEONFORK: MADV_WIPEONFORK; a child sees zeros.",
    "dd": "VM_DONTDUMP: MADV_DONTDUMP; not in core files.",
    "sd": "VM_SOFTDIRTY: CONFIG_MEM_SOFT_DIRTY; it does not keep neighbours apart.",
    "mm": "VM_MIXEDMAP: pages with and without struct page.",
    "hg": "VM_HUGEPAGE: MADV_HUGEPAGE.",
    "nh": "VM_NOHUGEPAGE, set by MADV_NOHUGEPAGE, and by MAP_STACK since Linux 6.7. Neighbours that differ in it do "
    "not merge.",
    "mg": "VM_MERGEABLE: MADV_MERGEABLE, or PR_SET_MEMORY_MERGE.",
    "dp": "VM_DROPPABLE: MAP_DROPPABLE.",
    "ui": "VM_UFFD_MINOR: a userfaultfd is told of minor faults.",
    "sl": "VM_SEALED: mseal.",
    "nl": "VM_NONLINEAR: pages not in the order of the file (before 4.0).",
    "mp": "VM_MANYPROTS: pages with protections of their own (the series of 2007).",
}
"""Two-letter names of VmFlags."""

LIMITS: dict[str, str] = {
    "RLIMIT_AS": "The most address space of a process (ulimit -v, in KiB): total_vm. mmap, brk and mremap beyond it "
    "are refused with ENOMEM. --set rlimit_as=SIZE.",
    "RLIMIT_DATA": "The most private writable memory of a process (ulimit -d, in KiB), since 4.7; before, the heap of "
    "brk. --set rlimit_data=SIZE.",
    "RLIMIT_STACK": "How far a stack may grow (ulimit -s); unlimited, it selects the bottom-up layout on old kernels.",
    "RLIMIT_MEMLOCK": "The most memory that a process without CAP_IPC_LOCK may lock (ulimit -l).",
    "CAP_IPC_LOCK": "The right to lock memory beyond RLIMIT_MEMLOCK.",
    "CAP_SYS_RAWIO": "The right to map below vm.mmap_min_addr.",
    "seccomp": "A filter of system calls, as containers and services have it: it refuses a call before the kernel "
    "looks at its arguments, with any errno. Seccomp: 2 in /proc/PID/status.",
    "noexec": "A mount whose files may not be executed: mmap with PROT_EXEC is EPERM, mprotect to PROT_EXEC EACCES.",
    "security module": "SELinux, AppArmor, Smack: EACCES, and a line in the audit log.",
    "mseal": "A call (6.10) after which an area can be neither unmapped, moved nor changed: EPERM.",
    "MemoryDenyWriteExecute": "A setting of systemd: a seccomp filter that refuses memory writable and executable.",
    "PR_SET_MDWE": "prctl (6.3): memory may not become executable that was writable: EACCES.",
    "MAP_FIXED_NOREPLACE": "mmap at exactly that address, or EEXIST if anything is mapped there (4.17).",
    "THP": "Transparent huge pages: see the rule thp_enabled.",
    "huge page": "A page of 2 MiB and more: of the pool (MAP_HUGETLB, vm.nr_hugepages), or transparent.",
    "mmap_base": "Where the top-down search for free ranges begins, below the stack.",
    "brk": "The end of the heap, and the call that moves it. It returns the break that is; a refusal leaves it.",
    "vdso": "Code and data of the kernel in every process: [vdso], [vvar].",
    "RELRO": "Data of a program that the loader makes read-only once relocated; it cuts an area in two.",
    ".bss": "The part of a program's data that is in no file: anonymous memory behind its data segment.",
}
"""Limits, rights and the like."""
