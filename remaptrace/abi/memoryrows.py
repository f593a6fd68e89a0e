"""Rows of the calls on memory. addr, length and offset in bytes, pgoff in pages, flags as the kernel's numbers."""

from __future__ import annotations

from . import kinds as ev
from . import mman as words
from .calltable import (
    ADDR,
    ALONE,
    COUNTED,
    IN_REGISTERS,
    LENGTH,
    OWN_WAY,
    SERIAL,
    Arg,
    also,
    call,
    event,
    flags,
    mode_of,
)

PROT_ARG = Arg("prot", "prot")
DST, SRC = Arg("dst", "addr"), Arg("src", "addr")
UFFD_ARG = Arg("fd", "fd")
NODES, MAXNODE = Arg("nodes", "nodes", 0), Arg("maxnode", "int", 64)
POLICY = Arg("mode", "mode", None, words.MPOL)

call(
    ev.K_MMAP,
    "mmap",
    "addr len prot flags fd off",
    *(Arg("addr", "addr", 0), LENGTH, PROT_ARG, flags(words.MAP)),
    *(Arg("fd", "fd", -1, c_int=True), Arg("offset", "int", 0)),
    returns=ev.RETURNS_ADDRESS,
    doc="map a file or memory",
)
call(ev.K_MUNMAP, "munmap", "addr len", ADDR, LENGTH, doc="unmap a range")
call(
    ev.K_MPROTECT,
    "mprotect",
    "start len prot",
    *(ADDR, LENGTH, PROT_ARG),
    doc="change the protection of a range",
)
call(
    ev.K_PKEY_MPROTECT,
    "pkey_mprotect",
    "start len prot pkey",
    *(ADDR, LENGTH, PROT_ARG, Arg("pkey", c_int=True)),
    doc="mprotect with a protection key",
)
call(
    ev.K_MREMAP,
    "mremap",
    "addr old_len new_len flags new_addr",
    *(ADDR, Arg("old_length"), Arg("new_length"), flags(words.MREMAP), Arg("new_addr", "addr", 0)),
    least=3,
    returns=ev.RETURNS_ADDRESS,
    doc="grow, shrink or move a mapping",
)
call(ev.K_BRK, "brk", "brk", ADDR, returns=ev.RETURNS_BREAK)  # absolute
call(
    ev.K_MADVISE,
    "madvise",
    "start len_in behavior",
    *(ADDR, LENGTH, Arg("advice", "name", None, words.ADVICE, c_int=True)),
    doc="advise on a range; guard regions",
)
call(
    ev.K_PROCESS_MADVISE,
    "process_madvise",
    "pidfd vec vlen behavior flags",
    *(ADDR, LENGTH, Arg("advice", "name", None, words.ADVICE), "pidfd", "flags", "index"),
    read=OWN_WAY,
    returns=ev.RETURNS_ANY,
    order=SERIAL,
)
call(ev.K_MLOCK, "mlock", "start len", ADDR, LENGTH, doc="lock a range")
call(
    ev.K_MLOCK2,
    "mlock2",
    "start len flags",
    *(ADDR, LENGTH, flags(words.MLOCK2, 0, c_int=True)),
    doc="lock a range",
)
call(ev.K_MUNLOCK, "munlock", "start len", ADDR, LENGTH, doc="unlock a range")
call(ev.K_MLOCKALL, "mlockall", "flags", flags(words.MCL, c_int=True), doc="lock everything")
call(ev.K_MUNLOCKALL, "munlockall", "", doc="unlock everything")
call(
    ev.K_MSYNC,
    "msync",
    "start len flags",
    *(ADDR, LENGTH, flags(words.MS, c_int=True)),
    doc="write a range back",
)
call(
    ev.K_MINCORE,
    "mincore",
    "start len vec",
    *(ADDR, LENGTH),
    order=ALONE,
    doc="which pages are resident",
)
call(
    ev.K_REMAP_FILE_PAGES,
    "remap_file_pages",
    "start size prot pgoff flags",
    *(ADDR, Arg("size"), PROT_ARG, Arg("pgoff"), flags(words.RFP, 0)),
    doc="rearrange a shared file mapping; with chgprot, protect its pages singly",
)
call(
    ev.K_MSEAL,
    "mseal",
    "start len flags",
    ADDR,
    LENGTH,
    Arg("flags", "int", 0),
    least=2,
    doc="seal a range",
)
call(
    ev.K_SHMGET,
    "shmget",
    "key size shmflg",
    *(Arg("key", "int", 0, c_int=True), Arg("size"), Arg("flags", "int", 0o1600, c_int=True)),
    returns=ev.RETURNS_ANY,
    order=ALONE,
    doc="make a System V segment",
)
call(
    ev.K_SHMAT,
    "shmat",
    "shmid shmaddr shmflg",
    *(Arg("shmid", c_int=True), Arg("addr", "addr", 0), flags(words.SHM, 0, c_int=True)),
    returns=ev.RETURNS_ADDRESS,
    doc="attach a segment",
)
call(ev.K_SHMDT, "shmdt", "shmaddr", ADDR, doc="detach a segment")
call(
    ev.K_SHMCTL,
    "shmctl",
    "shmid cmd buf",
    *(Arg("shmid", c_int=True), Arg("command", "name", None, {"rmid": 0}, c_int=True)),
    returns=ev.RETURNS_ANY,
    order=ALONE,
    doc="remove a segment",
)
# nodes: the mask's first word; maxnode as given, with MASK_UNKNOWN where the log shows only a pointer
call(
    ev.K_MBIND,
    "mbind",
    "start len mode nmask maxnode flags",
    *(ADDR, LENGTH, POLICY, NODES, MAXNODE, Arg("flags", "flags", 0, words.MPOL_MF)),
    read=OWN_WAY,
    order=SERIAL,
    doc="give a range a NUMA policy; nodes: [0, 1], a mask, or null for no mask",
)
event(
    ev.K_SET_VMA_NAME,
    "prctl_vma_name",
    *(ADDR, LENGTH, Arg("name", "vmaname")),
    doc="name anonymous memory (PR_SET_VMA_ANON_NAME); null takes the name off, 1 stands for an unreadable address",
)
call(
    ev.K_USERFAULTFD,
    "userfaultfd",
    "flags",
    *(Arg("flags", "flags", 0, words.UFFD, c_int=True), "wanted"),
    read=OWN_WAY,
    returns=ev.RETURNS_ANY,
    order=SERIAL,
)
call(
    ev.K_PKEY_ALLOC,
    "pkey_alloc",
    "flags init_val",
    *(Arg("flags", "int", 0), Arg("rights", "flags", 0, words.PKEY_RIGHTS)),
    returns=ev.RETURNS_ANY,
    order=SERIAL,
    doc="hand out a protection key; rights: 1 no access, 2 no writing",
)
call(
    ev.K_PKEY_FREE,
    "pkey_free",
    "pkey",
    Arg("pkey", c_int=True),
    order=SERIAL,
    doc="give a protection key back",
)
# ctx: the recorded address of the ring, 0: not shown
call(
    ev.K_IO_SETUP,
    "io_setup",
    "nr_events ctxp",
    *(Arg("events", c_int=True), Arg("ctx", "addr", 0)),
    read=OWN_WAY,
    order=SERIAL,
    doc="map a ring of aio",
)
call(
    ev.K_IO_DESTROY,
    "io_destroy",
    "ctx",
    Arg("ctx", "addr"),
    read=IN_REGISTERS,
    order=SERIAL,
    doc="unmap the ring of aio at ctx",
)
event(ev.K_OLD_MMAP, "old_mmap", "addr", "length", "prot", "flags", "fd", "offset")
also("mmap2", ev.K_MMAP, "addr len prot flags fd pgoff", order=COUNTED)
# -- more calls on memory. fd: a userfaultfd; mode and features as the kernel's numbers
event(
    ev.K_UFFD_API,
    "uffdio_api",
    *(UFFD_ARG, Arg("features", "flags", 0, words.UFFD_FEATURES), Arg("version", "int", 0xAA)),
    doc="agree on features (UFFDIO_API)",
)
event(
    ev.K_UFFD_REGISTER,
    "uffdio_register",
    *(UFFD_ARG, ADDR, LENGTH, mode_of(words.UFFD_MODES, None)),
    doc="register a range: missing, wp, minor",
)
event(
    ev.K_UFFD_UNREGISTER,
    "uffdio_unregister",
    *(UFFD_ARG, ADDR, LENGTH),
    doc="take the registration off a range",
)
event(
    ev.K_UFFD_COPY,
    "uffdio_copy",
    *(UFFD_ARG, DST, SRC, LENGTH, mode_of(words.UFFD_COPY_MODES)),
    doc="fill pages with those at src, which may belong to the program itself",
)
event(
    ev.K_UFFD_ZEROPAGE,
    "uffdio_zeropage",
    *(UFFD_ARG, ADDR, LENGTH, mode_of(words.UFFD_WAKE_MODES)),
    doc="fill pages with zeros",
)
event(
    ev.K_UFFD_WRITEPROTECT,
    "uffdio_writeprotect",
    *(UFFD_ARG, ADDR, LENGTH, mode_of(words.UFFD_WP_MODES)),
    doc="write-protect pages (mode wp), or lift that",
)
event(
    ev.K_UFFD_CONTINUE,
    "uffdio_continue",
    *(UFFD_ARG, ADDR, LENGTH, mode_of(words.UFFD_COPY_MODES)),
    doc="map pages that the object has",
)
event(
    ev.K_UFFD_MOVE,
    "uffdio_move",
    *(UFFD_ARG, DST, SRC, LENGTH, mode_of(words.UFFD_MOVE_MODES)),
    doc="move private pages to dst",
)
event(
    ev.K_UFFD_POISON,
    "uffdio_poison",
    *(UFFD_ARG, ADDR, LENGTH, mode_of(words.UFFD_WAKE_MODES)),
    doc="poison absent pages",
)
event(ev.K_UFFD_WAKE, "uffdio_wake", UFFD_ARG, ADDR, LENGTH)
call(
    ev.K_HOME_NODE,
    "set_mempolicy_home_node",
    "start len home_node flags",
    *(ADDR, LENGTH, Arg("node"), Arg("flags", "int", 0)),
    read=IN_REGISTERS,
    order=ALONE,
    doc="set the home node of the policies of a range",
)
event(
    ev.K_SET_MEMPOLICY,
    "set_mempolicy",
    *(POLICY, NODES, MAXNODE),
    doc="the thread's NUMA policy: it changes no area",
)
# write 1: process_vm_writev, else readv; of the caller's own memory
event(ev.K_PROCESS_VM, "process_vm", ADDR, LENGTH, "write")
also("process_vm_writev", ev.K_PROCESS_VM, "pid lvec liovcnt rvec riovcnt flags")
