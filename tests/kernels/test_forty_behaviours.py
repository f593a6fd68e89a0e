"""The 40 behaviours of the facts file on Linux 2.6.21, section 9, each as a small scenario.

Numbers and titles are those of the table there. The default machine is i386 without capabilities,
RLIMIT_MEMLOCK 32 KiB, top-down layout, engine P; what an item says of other machines has a case
of its own. T is a tmpfs file of 8 pages, D one on a disk with dirty accounting; byte values of page
p are p + 1.
"""

from __future__ import annotations

import pytest

from remaptrace.api import Machine, check, replay
from remaptrace.trace.scenario.read import read_scenario

_PLAIN = {"all_capabilities": "no"}
_TITLE = {
    1: "top-down placement",
    2: "bottom-up placement",
    3: "bad lengths",
    4: "order of the tests of fixed addresses",
    5: "offset overflow and bad types",
    6: "descriptor modes",
    7: "split and merge back",
    8: "VM_ACCOUNT keeps pieces apart",
    9: "boundary shifts",
    10: "merge case 8",
    11: "identity of the open file",
    12: "shared anonymous areas never merge",
    13: "the close hook of SysV memory",
    14: "mmap reaches the limit plus one",
    15: "a hole at the limit",
    16: "whole areas can always go",
    17: "RLIMIT_AS after the unmap",
    18: "arguments of mprotect and munmap",
    19: "mprotect into a hole",
    20: "mremap that moves nothing",
    21: "mremap against a neighbour",
    22: "mremap with old length 0",
    23: "a protection is refused",
    24: "one page remapped",
    25: "a linear request",
    26: "the unrounded end",
    27: "rounding of the size",
    28: "past the end of the file",
    29: "what qualifies",
    30: "across two areas",
    31: "the largest offset",
    32: "DONTNEED keeps the arrangement",
    33: "fork copies it",
    34: "truncation keeps it",
    35: "mprotect and reclaim keep it",
    36: "read, then write",
    37: "MAP_POPULATE",
    38: "page tables over fork",
    39: "write implies read; growth of the stack; fetching",
    40: "errors of locks and advice",
}

# (item, arch, kernel, rules, steps)
CASES: list[tuple[int, str, str, dict[str, object], str]] = []


def case(item: int, steps: str, arch: str = "i386", kernel: str = "linux-2.6.21", **rules: object) -> None:
    CASES.append((item, arch, kernel, {**_PLAIN, **rules}, steps))


ANON = "prot: rw, flags: [private, anonymous]"
T = "- memfd: {id: t, pages: 8, fill: true}\n"
D = "- diskfile: {id: d, pages: 8, fill: true}\n"
B4 = "- mmap: {addr: 0x50000000, length: 16384, prot: rw, flags: [shared, fixed], fd: t}\n"
ITEM24 = (
    T
    + B4
    + "- remap_file_pages: {addr: 0x50000000, size: 4096, prot: none, pgoff: 2}\n  expect: {result: 0}\n"
)

case(
    1,
    f"""
- mmap: {{addr: 0, length: 4096, {ANON}}}
  expect: {{result: 0xb7fff000}}
- mmap: {{addr: 0, length: 4096, {ANON}}}
  expect: {{result: 0xb7ffe000}}
- mm: {{}}
  expect: {{areas: 1}}
""",
)
for _arch, _first, _rules in (
    ("i386", 0x40000000, {"legacy_va_layout": "yes"}),
    ("i386", 0x40000000, {"rlimit_stack": "unlimited"}),
    ("um-i386-2l", 0x40000000, {}),
    ("um-x86_64", 0x40000000, {}),
    ("x86_64", 0x2AAAAAAAB000, {}),
):
    case(
        2,
        f"""
- mmap: {{addr: 0, length: 4096, {ANON}}}
  expect: {{result: {_first:#x}}}
- mmap: {{addr: 0, length: 4096, {ANON}}}
  expect: {{result: {_first + 4096:#x}}}
- mm: {{}}
  expect: {{areas: 1}}
""",
        arch=_arch,
        **_rules,
    )
case(
    3,
    f"""
- mmap: {{addr: 0, length: 0, {ANON}}}
  expect: {{error: EINVAL}}
- mmap: {{addr: 0, length: 0xfffff001, {ANON}}}
  expect: {{error: ENOMEM}}
- mmap: {{addr: 0, length: 0xc0001000, {ANON}}}
  expect: {{error: ENOMEM}}
""",
)
case(
    4,
    """
- mmap: {addr: 0x50000010, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
  expect: {error: EINVAL}
- mmap: {addr: 0xbffff010, length: 8192, prot: rw, flags: [private, anonymous, fixed]}
  expect: {error: ENOMEM}
- mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
  expect: {result: 0}
""",
)
case(
    5,
    T
    + """
- mmap: {addr: 0, length: 8192, prot: r, flags: [shared], fd: t, offset: 0xffffffff000}
  expect: {error: EOVERFLOW}
- mmap: {addr: 0, length: 4096, prot: r, flags: [anonymous]}
  expect: {error: EINVAL}
- mmap: {addr: 0, length: 4096, prot: r, flags: [3, anonymous]}
  expect: {error: EINVAL}
""",
)
case(
    6,
    T
    + """
- reopen: {fd: t, new_fd: ro, mode: r}
- reopen: {fd: t, new_fd: wo, mode: w}
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [shared, fixed], fd: ro}
  expect: {error: EACCES}
- mmap: {addr: 0x50000000, length: 4096, prot: r, flags: [shared, fixed], fd: ro}
  expect: {result: 0x50000000}
- mprotect: {addr: 0x50000000, length: 4096, prot: rw}
  expect: {error: EACCES}
- mmap: {addr: 0x50001000, length: 4096, prot: r, flags: [private, fixed], fd: wo}
  expect: {error: EACCES}
- mmap: {addr: 0x50001000, length: 4096, prot: w, flags: [shared, fixed], fd: wo}
  expect: {error: EACCES}
- mmap: {addr: 0x50001000, length: 4096, prot: r, flags: [private, fixed], fd: -1}
  expect: {error: EBADF}
- mmap: {addr: 0x50001000, length: 4096, prot: r, flags: [private, fixed, anonymous], fd: -1}
  expect: {result: 0x50001000}
""",
)
case(
    7,
    """
- mmap: {addr: 0x50000000, length: 12288, prot: rw, flags: [private, anonymous, fixed]}
- mprotect: {addr: 0x50001000, length: 4096, prot: r}
- mm: {}
  expect: {areas: 3}
- mprotect: {addr: 0x50001000, length: 4096, prot: rw}
- mm: {}
  expect: {areas: 1}
""",
)
case(
    8,
    """
- mmap: {addr: 0x50000000, length: 8192, prot: r, flags: [private, anonymous, fixed]}
- mprotect: {addr: 0x50001000, length: 4096, prot: rw}
- mm: {}
  expect: {areas: 2}
- mprotect: {addr: 0x50001000, length: 4096, prot: r}
- dump: {}
  expect:
    vmas:
    - {start: 0x50000000, end: 0x50001000, perms: r--p, vmflags: rd mr mw me}
    - {start: 0x50001000, end: 0x50002000, perms: r--p, vmflags: rd mr mw me ac}
""",
)
case(
    9,
    """
- mmap: {addr: 0x50000000, length: 16384, prot: rw, flags: [private, anonymous, fixed]}
- mprotect: {addr: 0x50000000, length: 8192, prot: r}
- mprotect: {addr: 0x50001000, length: 4096, prot: rw}
- mm: {}
  expect: {areas: 2}
- mprotect: {addr: 0x50001000, length: 4096, prot: r}
- mm: {}
  expect: {areas: 2}
""",
)
case(
    10,
    """
- mmap: {addr: 0x50000000, length: 12288, prot: rw, flags: [private, anonymous, fixed]}
- mprotect: {addr: 0x50000000, length: 4096, prot: r}
- mprotect: {addr: 0x50002000, length: 4096, prot: rx}
- mm: {}
  expect: {areas: 3}
- mprotect: {addr: 0x50001000, length: 4096, prot: rx}
- mm: {}
  expect: {areas: 2}
""",
)
case(
    11,
    T
    + """
- reopen: {fd: t, new_fd: again, mode: rw}
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [shared, fixed], fd: t}
- mmap: {addr: 0x50001000, length: 4096, prot: rw, flags: [shared, fixed], fd: t, offset: 4096}
- mm: {}
  expect: {areas: 1}
- mmap: {addr: 0x50002000, length: 4096, prot: rw, flags: [shared, fixed], fd: again, offset: 8192}
- mm: {}
  expect: {areas: 2}
""",
)
case(
    12,
    """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [shared, anonymous, fixed]}
- mmap: {addr: 0x50001000, length: 4096, prot: rw, flags: [shared, anonymous, fixed]}
- mm: {}
  expect: {areas: 2}
""",
)
case(
    13,
    """
- shmget: {size: 12288}
  as: segment
- shmat: {shmid: 0, addr: 0x50000000}
  expect: {result: 0x50000000}
- mprotect: {addr: 0x50001000, length: 4096, prot: r}
- mm: {}
  expect: {areas: 3}
- mprotect: {addr: 0x50001000, length: 4096, prot: rw}
- mm: {}
  expect: {areas: 3}
""",
)
case(
    14,
    """
- repeat:
    count: 11
    steps:
    - mmap: {addr: 0x50000000 + i * 8192, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
      expect: {result: 0x50000000 + i * 8192}
- mmap: {addr: 0x60000000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
  expect: {error: ENOMEM}
- mm: {}
  expect: {areas: 11}
""",
    max_map_count=10,
)
case(
    15,
    """
- mmap: {addr: 0x50000000, length: 12288, prot: rw, flags: [private, anonymous, fixed]}
- write: {addr: 0x50001000, value: 7}
- sysctl: {name: vm.max_map_count, areas_plus: 1}
- munmap: {addr: 0x50001000, length: 4096}
  expect: {error: ENOMEM}
- read: 0x50001000
  expect: {outcome: ok, value: 7}
- mm: {}
  expect: {areas: 2}
""",
)
case(
    16,
    """
- mmap: {addr: 0x50000000, length: 12288, prot: rw, flags: [private, anonymous, fixed]}
- mmap: {addr: 0x50010000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- sysctl: {name: vm.max_map_count, value: 1}
- mmap: {addr: 0x50001000, length: 4096, prot: r, flags: [private, anonymous, fixed]}
  expect: {error: ENOMEM}
- munmap: {addr: 0x50010000, length: 4096}
  expect: {result: 0}
""",
)
case(
    17,
    """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- setrlimit: {resource: as, soft: 4096}
- mmap: {addr: 0x50000000, length: 8192, prot: rw, flags: [private, anonymous, fixed]}
  expect: {error: ENOMEM}
- read: 0x50000000
  expect: {outcome: SIGSEGV, code: SEGV_MAPERR}
- mm: {}
  expect: {areas: 0}
""",
)
case(
    18,
    """
- mprotect: {addr: 0x50000000, length: 0, prot: 0xff}
  expect: {result: 0}
- mprotect: {addr: 0x50000000, length: 4096, prot: 0x10}
  expect: {error: EINVAL}
- mprotect: {addr: 0x50000000, length: 4096, prot: r}
  expect: {error: ENOMEM}
- munmap: {addr: 0x50000000, length: 4096}
  expect: {result: 0}
- munmap: {addr: 0x50000000, length: 0}
  expect: {error: EINVAL}
""",
)
case(
    19,
    """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- mprotect: {addr: 0x50000000, length: 8192, prot: r}
  expect: {error: ENOMEM}
- dump: {}
  expect: {vmas: [{start: 0x50000000, end: 0x50001000, perms: r--p}]}
""",
)
case(
    20,
    """
- mremap: {addr: 0x50000000, old_length: 4096, new_length: 4096, flags: []}
  expect: {result: 0x50000000}
- mremap: {addr: 0x50000000, old_length: 4096, new_length: 8192, flags: []}
  expect: {error: EFAULT}
- mremap: {addr: 0x50000000, old_length: 4096, new_length: 4096, flags: [maymove, fixed], new_addr: 0x50000000}
  expect: {error: EINVAL}
""",
)
case(
    21,
    T
    + """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- mmap: {addr: 0x50001000, length: 4096, prot: rw, flags: [shared, fixed], fd: t}
- mremap: {addr: 0x50000000, old_length: 4096, new_length: 8192, flags: []}
  expect: {error: ENOMEM}
- mremap: {addr: 0x50000000, old_length: 4096, new_length: 8192, flags: [maymove]}
  expect: {result: 0xb7ffe000}
- read: 0x50000000
  expect: {outcome: SIGSEGV, code: SEGV_MAPERR}
""",
)
case(
    22,
    T
    + """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [shared, fixed], fd: t}
- mremap: {addr: 0x50000000, old_length: 0, new_length: 4096, flags: [maymove]}
  expect: {result: 0xb7fff000}
- write: {addr: 0x50000000, value: 77}
- read: 0xb7fff000
  expect: {outcome: ok, value: 77}
""",
)
case(
    23,
    T
    + B4
    + """
- remap_file_pages: {addr: 0x50000000, size: 4096, prot: r, pgoff: 2}
  expect: {error: EINVAL}
- dump: {}
  expect: {vmas: [{start: 0x50000000, end: 0x50004000, vmflags: rd wr sh mr mw me ms}]}
""",
)
case(
    24,
    ITEM24
    + """
- read: 0x50000000
  expect: {outcome: ok, value: 3, minor_faults: 0, major_faults: 0}
- write: {addr: 0x50000000, value: 9}
  expect: {outcome: ok, minor_faults: 0, major_faults: 0}
- dump: {}
  expect: {vmas: [{start: 0x50000000, end: 0x50004000, vmflags: rd wr sh mr mw me ms nl}]}
""",
)
case(
    24,
    D
    + """
- mmap: {addr: 0x50000000, length: 16384, prot: rw, flags: [shared, fixed], fd: d}
- remap_file_pages: {addr: 0x50000000, size: 4096, prot: none, pgoff: 2}
- read: 0x50000000
  expect: {outcome: ok, value: 3, minor_faults: 0}
- write: {addr: 0x50000000, value: 9}
  expect: {outcome: ok, minor_faults: 1}
""",
)
case(
    25,
    T
    + B4
    + """
- remap_file_pages: {addr: 0x50001000, size: 4096, prot: none, pgoff: 1}
  expect: {result: 0}
- read: 0x50001000
  expect: {outcome: ok, value: 2, minor_faults: 0}
- dump: {}
  expect: {vmas: [{start: 0x50000000, end: 0x50004000, vmflags: rd wr sh mr mw me ms}]}
""",
)
case(
    26,
    T
    + """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [shared, fixed], fd: t}
- remap_file_pages: {addr: 0x50000010, size: 4096, prot: none, pgoff: 3}
  expect: {error: EINVAL}
- mmap: {addr: 0x50010000, length: 8192, prot: rw, flags: [shared, fixed], fd: t}
- remap_file_pages: {addr: 0x50010010, size: 4096, prot: none, pgoff: 3}
  expect: {result: 0}
- read: 0x50010000
  expect: {outcome: ok, value: 4}
""",
)
case(
    27,
    T
    + """
- mmap: {addr: 0x50000000, length: 8192, prot: rw, flags: [shared, fixed], fd: t}
- remap_file_pages: {addr: 0x50000000, size: 0xfff, prot: none, pgoff: 3}
  expect: {error: EINVAL}
- remap_file_pages: {addr: 0x50000000, size: 0x1fff, prot: none, pgoff: 3}
  expect: {result: 0}
- read: 0x50001000
  expect: {outcome: ok, value: 2}
- remap_file_pages: {addr: 0x50000000, size: 0x2001, prot: none, pgoff: 3}
  expect: {error: EINVAL}
""",
)
case(
    28,
    T
    + B4
    + """
- remap_file_pages: {addr: 0x50000000, size: 4096, prot: none, pgoff: 8}
  expect: {error: EINVAL}
- read: 0x50000000
  expect: {outcome: ok, value: 1}
- dump: {}
  expect: {vmas: [{start: 0x50000000, end: 0x50004000, vmflags: rd wr sh mr mw me ms nl}]}
""",
)
case(
    28,
    T
    + B4
    + """
- remap_file_pages: {addr: 0x50000000, size: 4096, prot: none, pgoff: 8}
  expect: {result: 0}
- read: 0x50000000
  expect: {outcome: SIGBUS, code: BUS_ADRERR}
""",
    kernel="linux-2.6.21-fault",
)
case(
    29,
    T
    + """
- reopen: {fd: t, new_fd: ro, mode: r}
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [private, fixed], fd: t}
- mmap: {addr: 0x50010000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- mmap: {addr: 0x50020000, length: 4096, prot: r, flags: [shared, fixed], fd: ro}
- shmget: {size: 8192}
- shmat: {shmid: 0, addr: 0x50030000}
- mmap: {addr: 0x50040000, length: 8192, prot: rw, flags: [shared, anonymous, fixed]}
- remap_file_pages: {addr: 0x50000000, size: 4096, prot: none, pgoff: 1}
  expect: {error: EINVAL}
- remap_file_pages: {addr: 0x50010000, size: 4096, prot: none, pgoff: 1}
  expect: {error: EINVAL}
- remap_file_pages: {addr: 0x50020000, size: 4096, prot: none, pgoff: 1}
  expect: {error: EINVAL}
- remap_file_pages: {addr: 0x50030000, size: 4096, prot: none, pgoff: 1}
  expect: {error: EINVAL}
- remap_file_pages: {addr: 0x50040000, size: 4096, prot: none, pgoff: 1}
  expect: {result: 0}
""",
)
case(
    30,
    T
    + B4
    + """
- mprotect: {addr: 0x50002000, length: 8192, prot: r}
- remap_file_pages: {addr: 0x50001000, size: 8192, prot: none, pgoff: 5}
  expect: {error: EINVAL}
- remap_file_pages: {addr: 0x50000000, size: 4096, prot: none, pgoff: 5}
  expect: {result: 0}
- mprotect: {addr: 0x50002000, length: 8192, prot: rw}
- mm: {}
  expect: {areas: 2}
""",
)
for _arch, _limit in (("i386", 1 << 29), ("um-i386-2l", 1 << 27)):
    case(
        31,
        T
        + B4
        + f"""
- remap_file_pages: {{addr: 0x50000000, size: 4096, prot: none, pgoff: {_limit - 1:#x}}}
  expect: {{error: EINVAL}}
- dump: {{}}
  expect: {{vmas: [{{start: 0x50000000, end: 0x50004000, vmflags: rd wr sh mr mw me ms}}]}}
- remap_file_pages: {{addr: 0x50000000, size: 4096, prot: none, pgoff: {_limit - 2:#x}}}
  expect: {{error: EINVAL}}
- dump: {{}}
  expect: {{vmas: [{{start: 0x50000000, end: 0x50004000, vmflags: rd wr sh mr mw me ms nl}}]}}
""",
        arch=_arch,
    )
case(
    32,
    ITEM24
    + """
- read: 0x50001000
- madvise: {addr: 0x50000000, length: 8192, advice: dontneed}
- pages: {addr: 0x50000000, count: 2}
  expect: {pages: n., file_pages: [2, null]}
- read: 0x50000000
  expect: {outcome: ok, value: 3, minor_faults: 0, major_faults: 1}
- read: 0x50001000
  expect: {outcome: ok, value: 2, minor_faults: 1, major_faults: 0}
""",
)
case(
    32,
    ITEM24
    + """
- read: 0x50001000
- madvise: {addr: 0x50000000, length: 8192, advice: dontneed}
- read: 0x50000000
  expect: {outcome: ok, value: 3, minor_faults: 1, major_faults: 0}
- read: 0x50001000
  expect: {outcome: ok, value: 2, minor_faults: 1, major_faults: 0}
""",
    kernel="linux-2.6.21-fault",
)
case(
    33,
    ITEM24
    + """
- mmap: {addr: 0x50010000, length: 4096, prot: rw, flags: [shared, fixed], fd: t}
- read: 0x50010000
- fork: {}
- read: 0x50000000
  expect: {outcome: ok, value: 3, minor_faults: 0, major_faults: 0}
- read: 0x50010000
  expect: {outcome: ok, value: 1, minor_faults: 1, major_faults: 0}
""",
)
case(
    34,
    ITEM24
    + """
- ftruncate: {fd: t, size: 4096}
- read: 0x50000000
  expect: {outcome: SIGBUS, code: BUS_ADRERR}
- ftruncate: {fd: t, size: 32768}
- read: 0x50000000
  expect: {outcome: ok, value: 0, minor_faults: 0, major_faults: 1}
- pages: {addr: 0x50000000, count: 1}
  expect: {pages: F, file_pages: [2]}
""",
)
case(
    35,
    ITEM24
    + """
- mprotect: {addr: 0x50000000, length: 4096, prot: r}
- dump: {}
  expect:
    vmas:
    - {start: 0x50000000, end: 0x50001000, vmflags: rd sh mr mw me ms nl}
    - {start: 0x50001000, end: 0x50004000, vmflags: rd wr sh mr mw me ms nl}
- write: {addr: 0x50000000, value: 1}
  expect: {outcome: SIGSEGV, code: SEGV_ACCERR}
- reclaim: {addr: 0x50000000, length: 4096}
- pages: {addr: 0x50000000, count: 1}
  expect: {pages: n, file_pages: [2]}
- read: 0x50000000
  expect: {outcome: ok, value: 3, minor_faults: 0, major_faults: 1}
- write: {addr: 0x50000000, value: 1}
  expect: {outcome: SIGSEGV, code: SEGV_ACCERR}
""",
    swap="64M",
)
_AREAS_36 = (
    T
    + D
    + """
- mmap: {addr: 0x50000000, length: 8192, prot: rw, flags: [private, anonymous, fixed]}
- mmap: {addr: 0x50010000, length: 8192, prot: rw, flags: [shared, fixed], fd: t}
- mmap: {addr: 0x50020000, length: 8192, prot: rw, flags: [shared, fixed], fd: d}
"""
)


def _faults_36(read_then_write: tuple[int, int, int]) -> str:
    steps = _AREAS_36
    for base, faults in zip((0x50000000, 0x50010000, 0x50020000), read_then_write, strict=True):
        steps += f"- read: {base:#x}\n  expect: {{outcome: ok, minor_faults: 1}}\n"
        steps += (
            f"- write: {{addr: {base:#x}, value: 5}}\n  expect: {{outcome: ok, minor_faults: {faults - 1}}}\n"
        )
        steps += (
            f"- write: {{addr: {base + 4096:#x}, value: 5}}\n  expect: {{outcome: ok, minor_faults: 1}}\n"
        )
    return steps


case(36, _faults_36((2, 1, 2)))
case(36, _faults_36((2, 2, 2)), arch="um-i386-2l")
case(
    37,
    T
    + """
- mmap: {addr: 0x50000000, length: 16384, prot: rw, flags: [private, anonymous, fixed, populate]}
- mmap: {addr: 0x50010000, length: 16384, prot: rw, flags: [shared, fixed, populate], fd: t}
- read: {addr: 0x50000000, pages: 4}
  expect: {outcome: ok, minor_faults: 4}
- read: {addr: 0x50010000, pages: 4}
  expect: {outcome: ok, minor_faults: 0}
""",
)
case(
    38,
    """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- mmap: {addr: 0x50010000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- write: {addr: 0x50000000, value: 1}
- read: 0x50010000
- fork: {child: 2}
- read: 0x50000000
  pid: 2
  expect: {outcome: ok, value: 1, minor_faults: 0}
- read: 0x50010000
  pid: 2
  expect: {outcome: ok, value: 0, minor_faults: 1}
- write: {addr: 0x50000000, value: 2}
  pid: 2
  expect: {outcome: ok, minor_faults: 1}
- pages: {addr: 0x50000000, count: 1}
  pid: 2
  expect: {pages: a, access: w}
- write: {addr: 0x50000000, value: 3}
  expect: {outcome: ok, minor_faults: 1}
- read: 0x50000000
  pid: 2
  expect: {outcome: ok, value: 2}
""",
)
_WRITE_ONLY = """
- mmap: {addr: 0x50000000, length: 4096, prot: w, flags: [private, anonymous, fixed]}
- read: 0x50000000
  expect: %s
"""
case(39, _WRITE_ONLY % "{outcome: ok, minor_faults: 1}")
case(39, _WRITE_ONLY % "{outcome: ok, minor_faults: 1}", arch="x86_64")
case(39, _WRITE_ONLY % "{outcome: SIGSEGV, code: SEGV_ACCERR}", arch="um-i386-2l")
# S - slack - 1 lies below an area that grows down, whose pages up to S are in use
for _arch, _slack in (("i386", 65664), ("x86_64", 65792), ("um-i386-2l", 32), ("um-x86_64", 128)):
    case(
        39,
        f"""
- mmap: {{addr: 0x58000000, length: 4096, prot: rw, flags: [private, anonymous, fixed, growsdown]}}
- write: {{addr: {0x58000000 - 1:#x}, value: 1, sp: {0x58000000 + _slack:#x}}}
  expect: {{outcome: SIGSEGV, code: SEGV_MAPERR}}
- write: {{addr: {0x58000000 - 1:#x}, value: 1, sp: {0x58000000 + _slack - 1:#x}}}
  expect: {{outcome: ok, minor_faults: {1}}}
- dump: {{}}
  expect: {{vmas: [{{start: 0x57fff000, end: 0x58001000}}]}}
""",
        arch=_arch,
    )
_EXEC = """
- mmap: {addr: 0x50000000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- exec: 0x50000000
  expect: %s
"""
case(39, _EXEC % "{outcome: SIGSEGV, code: SEGV_ACCERR, minor_faults: 1}", arch="x86_64")
case(39, _EXEC % "{outcome: ok, minor_faults: 1}")
_ITEM40 = """
- memfd: {id: one, pages: 1, fill: true}
- memfd: {id: t, pages: 8, fill: true}
- mmap: {addr: 0x50000000, length: 4096, prot: none, flags: [private, anonymous, fixed]}
- mlock: {addr: 0x50000000, length: 4096}
  expect: {error: EFAULT}
- mmap: {addr: 0x50010000, length: 8192, prot: rw, flags: [shared, fixed], fd: one}
- mlock: {addr: 0x50010000, length: 8192}
  expect: {error: EPERM}
- dump: {}
  expect:
    vmas:
    - {start: 0x50000000, end: 0x50001000, vmflags: mr mw me lo}
    - {start: 0x50010000, end: 0x50012000, vmflags: rd wr sh mr mw me ms lo}
- mmap: {addr: 0x50020000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- madvise: {addr: 0x50020000, length: 4096, advice: willneed}
  expect: {error: EBADF}
- mlock: {addr: 0x50020000, length: 4096}
  expect: {result: 0}
- madvise: {addr: 0x50020000, length: 4096, advice: dontneed}
  expect: {error: EINVAL}
- mmap: {addr: 0x50030000, length: 16384, prot: rw, flags: [shared, fixed], fd: t}
- remap_file_pages: {addr: 0x50030000, size: 4096, prot: none, pgoff: 3}
- madvise: {addr: 0x50030000, length: 4096, advice: remove}
  expect: {error: EINVAL}
- msync: {addr: 0x50030000, length: 4096, flags: [async, sync]}
  expect: {error: EINVAL}
- mincore: {addr: 0x50020000, length: 4096}
  expect: %s
"""
case(40, _ITEM40 % "{result: 0}")
case(40, _ITEM40 % "{error: ENOMEM}", kernel="linux-2.6.20")


def test_every_item_has_a_case():
    assert {c[0] for c in CASES} == set(_TITLE) == set(range(1, 41))


@pytest.mark.parametrize(
    ("item", "arch", "kernel", "rules", "steps"),
    [pytest.param(*c, id=f"{c[0]:02}-{_TITLE[c[0]].replace(' ', '-')}-{c[1]}-{c[2]}") for c in CASES],
)
def test_the_kernel_behaves_as_observed(item, arch, kernel, rules, steps):
    trace = read_scenario(
        "steps:" + ("\n" if not steps.startswith("\n") else "") + steps, name=f"item {item}"
    )
    result = replay(trace, Machine.load(arch, kernel, rules), engine="interpreted")
    outcome = check(result)
    assert outcome.agrees, [str(d) for d in outcome.disagreements]


def test_the_break_may_not_grow_to_the_page_below_a_mapping():  # the last clause of item 40
    steps = """
brk_start: 0x8050000
steps:
- brk: {offset: 0}
  expect: {result: 0x8050000}
- mmap: {addr: 0x8053000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
- brk: {offset: 0x3000}
  expect: {result: 0x8050000}
- brk: {offset: 0x2000}
  expect: {result: 0x8052000}
"""
    result = replay(read_scenario(steps), Machine.load("i386", "linux-2.6.21"), engine="interpreted")
    assert check(result).agrees
