"""What errors of memory calls come from."""

from __future__ import annotations

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
    "ENOSYS": "The kernel does not know the call, or a seccomp filter says so, as in containers.",
    "EOVERFLOW": "Of mmap: offset and length lie beyond the largest file.",
    "EOPNOTSUPP": "Of mmap with MAP_SHARED_VALIDATE: a flag that it does not know, or MAP_SYNC on a file system "
    "without DAX. Of fallocate: a mode that the file does not have.",
    "ENOSPC": "Of pkey_alloc: every protection key is taken, or the processor has none. Of fallocate and files of huge "
    "pages: no room. Of shmget: kernel.shmmni or kernel.shmall.",
    "EBUSY": "Of msync with MS_INVALIDATE: a page of the range is locked. Of userfaultfd: another one has the range.",
    "EIO": "Of mbind with MPOL_MF_STRICT: pages lie on other nodes. Of accesses: a page could not be read.",
    "EIDRM": "Of System V segments: it was removed.",
    "ENXIO": "Of mmap: the offset lies behind the device.",
    "ETXTBSY": "Of mmap of old kernels: the file is open for writing and MAP_DENYWRITE was asked for.",
    "ENOENT": "Of System V segments and files: there is none of that name.",
    "ENFILE": "Of memfd_create, userfaultfd: the system has as many open files as it may.",
    "EMFILE": "Of memfd_create, userfaultfd, open: RLIMIT_NOFILE, the process has as many descriptors as it may.",
    "EINTR": "A signal came first.",
    "ESRCH": "No process of that number, or it has ended.",
}
