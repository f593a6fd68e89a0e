"""Numbers of System V segments (include/uapi/linux/ipc.h, shm.h)."""

from __future__ import annotations

IPC_PRIVATE = 0
IPC_CREAT, IPC_EXCL = 0o1000, 0o2000
IPC_RMID, IPC_SET, IPC_STAT, IPC_64 = 0, 1, 2, 0x100
SHM_LOCK, SHM_UNLOCK = 11, 12
SHM_HUGETLB, SHM_NORESERVE = 0o4000, 0o10000  # of shmget
SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC = 0o10000, 0o20000, 0o40000, 0o100000  # of shmat
