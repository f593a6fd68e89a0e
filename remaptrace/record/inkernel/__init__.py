"""Counters read inside the kernel: a program at the return of system calls, put together and loaded by bpf(2)."""
