"""Words of the reports."""

from __future__ import annotations

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
    "both": "In `advise`: what is left if the pages of one VMA could differ in protection and in offset.",
    "guards": "Areas without access (PROT_NONE) beside accessible ones, such as below a stack. Each costs a VMA, which "
    "a guard region does not.",
    "VMA bytes": "The same as VMA records.",
    "peak": "The most VMAs that a process had, behind any event. 'peak until' names the last event behind which it "
    "still had them all, where what it did to their pages is done.",
    "peak until": "The last event behind which the process still had its most VMAs; the picture and the bill are of "
    "that moment.",
    "start": "The VMA count behind the first event that finds an address space; of a recording that begins with its "
    "exec that is what execve mapped.",
    "end": "The VMA count behind the last event of the process.",
    "event": "One row of a trace: a call, an access, a page fault, or what a reader had to add. Numbered from 0; "
    "reports name it as 'event 6,036', which --at takes.",
    "calls": "Calls on memory, on processes and on files, by name: how often done, how often refused, where first.",
    "done": "The call did what was asked.",
    "unchanged": "Of brk: the break did not move up as asked. brk has no errno; it returns the old break.",
    "as recorded": "Every answer of the replay is that of the recording, as far as there are any.",
    "free": "Answers that could have come out otherwise: where the replay's agreement says something about it.",
    "placed": "Answers that are addresses taken from the recording: they agree by construction.",
    "guessed": "Refusals that agree only because nothing is known of that memory: areas before the log are not in it.",
    "taken": "A refusal that nothing in the replay's state explains and the recording shows: taken from it, with what "
    "it leaves open, the likeliest first. `explain ERRNO TRACE` lists them all.",
    "no truth": "The recording holds nothing that this could be compared with. Maps beside a log (--maps, or "
    "`record`) are truth for VMA counts and areas.",
    "not recorded": "The recorder does not see it: strace shows no page faults, so residence, page tables and faults "
    "are unknown, which is not 0.",
    "left out": "In `verify` and `kernels`: a call, field or flag that is not compared or not simulated, and why.",
    "skipped": "Lines that could not be read; counted, and the first ones named with code and place.",
    "by kind": "VMAs at the peak as anonymous, private file and shared mappings.",
    "anonymous": "Memory of no file: of malloc, stacks, the heap.",
    "private file": "A file mapped MAP_PRIVATE: code and data of programs and libraries. Writes stay in memory.",
    "shared": "A file, a memfd or memory mapped MAP_SHARED: writes are seen by all that map it.",
    "faults": "Page faults: minor ones need no input or output, major ones read a page from a file or from swap.",
    "counters": "total_vm, data_vm, stack_vm and locked_vm of an address space, in pages.",
    "total_vm": "Pages mapped (VmSize); RLIMIT_AS limits it.",
    "data_vm": "Pages of private writable memory that is no stack (VmData); RLIMIT_DATA limits it since 4.7.",
    "locked_vm": "Pages locked by mlock or MAP_LOCKED (VmLck); RLIMIT_MEMLOCK limits it.",
    "resident": "Pages that are in memory (Rss).",
    "page tables": "Memory of the page tables themselves (VmPTE), which no VMA count shows.",
    "VMA records": "map_count times the size of a vm_area_struct on this kernel; see the rule vma_bytes.",
    "both together": "VMA records and page tables in one sum.",
    "the bill": "In `advise`: the areas at the peak, by what they are for.",
    "per 1,000 calls": "Areas of that kind made by 1,000 memory calls of the process.",
    "neighbours": "Two areas that touch. 'kept apart by' names the attributes in which they differ: without that "
    "difference they would be one.",
    "kept apart by": "The attributes in which two areas that touch differ; each alone keeps them from being one VMA.",
    "protection": "What an area allows: read, write, execute (PROT_*).",
    "file": "Neighbours of different files, or one of a file and one of none.",
    "flags": "VM_* flags of an area, as smaps shows them in VmFlags; neighbours that differ in most of them do not "
    "merge. `explain nh` and other two-letter names say which.",
    "anon_vma": "What the first write gives private memory (reverse map); areas with different ones do not merge.",
    "policy": "A NUMA policy of mbind; neighbours with different ones do not merge.",
    "name": "A name of prctl(PR_SET_VMA_ANON_NAME); neighbours with different ones do not merge.",
    "growth": "A count that rises in every quarter of the last half of the calls and does not fall again.",
    "leak": "Mappings made again and again and hardly ever unmapped, to the end; counted by calls, as areas merge.",
    "remedy": "Another way of mapping, tried by replaying the rewritten trace: how many VMAs are left of the peak.",
    "saved": "The share of the VMAs that a remedy saves at the peak.",
    "share": "A part of a whole: of the VMAs at the peak ('the largest share of' is less than half of them), or of the "
    "answers that came out equal.",
    "hypothetical": "What only kernels of the past, or none, have.",
    "guards, one per stack": "Areas without access below a thread's stack, so that running over its end is refused.",
    "stacks above guards": "The stacks of threads or coroutines, each above a guard.",
    "guards, one per allocation": "Areas without access beside single allocations, as Electric Fence makes them.",
    "data between guards": "The allocations between such guards.",
    "address space reserved, not used": "Private memory mapped PROT_NONE to be used later.",
    "one file, scattered offsets": "One file mapped piece by piece in an order that is not its own.",
    "alternating protections": "Neighbours that would be one area, had they one protection.",
    "pieces of arenas with holes": "Equal areas with unmapped holes between them: memory given back piece by piece.",
    "RELRO of libraries": "Data of libraries that the loader made read-only; that cuts it from the rest.",
    "programs and libraries": "Mappings of files that execve and the loader made.",
    "heaps inside reservations": "Parts of reserved address space made accessible: arenas, garbage-collected heaps.",
    "generated code": "Memory that is executable and of no file: made by a JIT.",
    "decommitted memory": "Memory given back by mapping PROT_NONE over it.",
    "stack, heap, vdso": "What every process has once.",
    "machine": "A kernel, an architecture and settings: --kernel, --arch, --set.",
    "preset": "A kernel that was asked or read, rule by rule; `kernels` lists them. Other versions are derived.",
    "derived": "A kernel of another version: every rule as the version in which it changed says.",
    "rests on": "The ground of a rule's value: asked of a running kernel, read in its source, undecided, given by the"
    " user, or common: no version decides it (RAM, limits, configuration), it is as most machines have it.",
    "undecided": "A rule of a derived kernel whose version of change is not known: the older value is taken.",
    "baseline": "What `check --write-baseline` keeps of a run, and --baseline compares with.",
    "scenario": "A program of memory calls and accesses as a YAML file, with what is expected of them.",
    "set": "A folder with a recording and what belongs to it: maps, counts, ELF headers.",
    "map limit": "vm.max_map_count: the most VMAs of a process; 65,530 unless changed.",
    "sealed": "An area that mseal made unchangeable (6.10), or a memfd with F_SEAL_WRITE.",
    "MAP_CHGPROT": "The flag of the series of 2007 with which remap_file_pages gives pages protections of their own.",
    "commit limit": "What vm.overcommit_memory=2 lets all processes charge together: RAM times vm.overcommit_ratio "
    "and swap (CommitLimit of /proc/meminfo).",
    "first": "Where it happened first: a line of the log, or the number of the event.",
    "memory": "What the address space itself costs: VMA records and page tables, and what was resident.",
    "access": "A read, write or execution by the program itself, as a scenario or a log of page faults has it.",
    "first difference": "The first event to which two machines answer differently, with the rules that make it so.",
    "calls answered differently": "Calls by both machines' answers, how often, and where first.",
    "by thread": "Which thread's calls made the areas.",
    "by call": "Which kind of call made the areas; execve stands for what it maps.",
    "by file": "What the areas map, by name.",
    "size": "Areas by their length: 1 page, to 64 KiB, to 1 MiB, to 64 MiB, larger.",
    "left, could the pages of one VMA differ in": "How many VMAs there would be if one could hold pages of different "
    "protection, of different offsets in its file, or both: what per-PTE protections would save at most.",
    "what would help": "Other ways of mapping, each measured by replaying the rewritten trace.",
    "then": "The peak with the remedy.",
    "raise vm.max_map_count": "sysctl vm.max_map_count=N: a cure for a program whose need is bounded, a delay "
    "for one that grows.",
    "per-PTE protections": "Pages of one VMA with protections of their own, as the series of 2005 and 2007 for "
    "remap_file_pages had them; no kernel has it.",
    "per-PTE protections and offsets": "The same, with pages of a file in any order (remap_file_pages, 2007).",
    "protections changed in one call": "Neighbours changed by one mprotect instead of several, which leaves no area "
    "in between.",
    "native remap_file_pages": "Before 4.0 it changed page tables inside one VMA; since then it is done by mmap.",
    "other anonymous memory": "Anonymous memory that fits no other purpose.",
    "other shared mappings": "Shared mappings that fit no other purpose.",
    "anonymous memory, access not shown": "Its source does not tell the protection.",
    "answers": "Results of calls that the recording holds.",
    "map counts": "map_count after each call, as the kernel's own counters showed it.",
    "map files": "/proc/PID/maps files beside the recording, line by line the map lines.",
    "map lines": "Lines of /proc/PID/maps files beside the recording.",
    "host call": "Calls on memory that a User-mode Linux asked of its host, as its guest's replay makes them.",
    "frame kept or replaced": "Pages of a guest whose frame the calls on the host keep or replace, compared with the "
    "host's log.",
    "bounds": "What --max and --baseline allow.",
    "steps": "Steps of a scenario, each with what is expected of it.",
    "VMA lookup": "`advise --lookup`: what finding the area of an address costs in each structure, in nodes and cache "
    "lines; p99 is what 99 of 100 lookups stay below, hits what a one-entry cache answers.",
    "nodes": "Nodes of the tree that a lookup reads.",
    "lines": "Cache lines of 64 bytes that a lookup reads.",
    "hits": "Lookups that a cache of the last area answers.",
    "addresses": "Where the kernel put what had no place of its own (mmap without MAP_FIXED).",
    "p99": "What 99 of 100 stay below.",
    "bytes": "Length in memory; of a structure, its own size.",
    "before": "In the first recording, or without the remedy.",
    "after": "In the second recording, or with the remedy.",
    "options that decide": "Options of a .config that give a rule of the simulation another value.",
    "PTE": "Page table entry: the word that maps one page, with its rights.",
    "guard": "A page without access: a VMA of its own (PROT_NONE), or a guard region inside one.",
    "clean": "A shared file page that is write-protected until it is written, so that the kernel sees it become dirty.",
    "expected": "What the recording, the scenario or the baseline says.",
    "simulated": "What the replay answers.",
    "RSS": "Resident set size: pages in memory.",
    "live": "Still mapped at that moment.",
    "hole": "Unmapped space between two areas.",
    "leaf table": "A page of PTEs: 512 of them on 64-bit machines.",
    "new thread": "A clone with CLONE_THREAD; it shares the address space.",
    "stack": "[stack], which grows by faults, or memory that a thread was given for one.",
    "anon name": "A name of prctl(PR_SET_VMA_ANON_NAME).",
    "protection key": "A key of pkey_alloc; neighbours with different ones do not merge.",
    "protection differs": "Pages that two machines allow different accesses to.",
    "init_vma": "An area that was there before the log, or that execve made.",
    "MADV_DONTNEED instead of munmap": "A remedy: memory that is soon mapped again gives back its pages and stays "
    "mapped, which leaves no hole.",
    "without MADV_NOHUGEPAGE": "A remedy: neighbours that differ in nothing else become one area.",
    "without names of memory": "A remedy: memory that prctl(PR_SET_VMA_ANON_NAME) names differently does not merge.",
    "VmFlags line": "A VmFlags line of a recorded smaps file, against the flags of the replayed area.",
    "list of areas at the end": "Areas behind the last step of a scenario, as `end` expects them.",
}
