"""Kinds of files whose mappings follow rules of their own: rings, maps, vcpus, secret memory, devices.

The number is at once the `type` of an event that makes a descriptor (FILE_* of `kinds`) and the kind of the
simulated object. What each may do stands in docs/scenario-format.md and `engine.files.special`.
"""

from __future__ import annotations

FILE_PERF = 16  # perf_event_open: ring of 1 + 2^n pages
FILE_URING = 17  # io_uring_setup: the kernel chooses the address
FILE_BPF = 18  # bpf(BPF_MAP_CREATE) of an array with BPF_F_MMAPABLE
FILE_PACKET = 19  # socket(AF_PACKET) with a ring
FILE_SECRET = 20  # memfd_secret
FILE_KVM_VCPU = 21  # ioctl(KVM_CREATE_VCPU)
FILE_AIO = 22  # the ring of io_setup
FILE_RINGBUF = 23  # bpf(BPF_MAP_CREATE) of BPF_MAP_TYPE_RINGBUF
FIRST_SPECIAL, LAST_SPECIAL = FILE_PERF, FILE_RINGBUF

SPECIAL_KINDS: dict[str, int] = {
    "perf_event": FILE_PERF,
    "io_uring": FILE_URING,
    "bpf_array": FILE_BPF,
    "bpf_ringbuf": FILE_RINGBUF,
    "packet_ring": FILE_PACKET,
    "secretmem": FILE_SECRET,
    "kvm_vcpu": FILE_KVM_VCPU,
    "pfn_device": 4,  # kinds.FILE_DEVICE: a driver that maps page frames at once
    "zero": 2,  # kinds.FILE_ZERO: /dev/zero
}
"""Kinds that the scenario step special_file knows."""

SHOWN_NAMES: dict[int, str] = {
    FILE_PERF: "anon_inode:[perf_event]",
    FILE_URING: "anon_inode:[io_uring]",
    FILE_BPF: "anon_inode:bpf-map",
    FILE_RINGBUF: "anon_inode:bpf-map",
    FILE_PACKET: "socket:[0]",
    FILE_SECRET: "/secretmem (deleted)",
    FILE_KVM_VCPU: "anon_inode:kvm-vcpu:0",
    FILE_AIO: "/[aio] (deleted)",
    4: "/dev/device",
    2: "/dev/zero",
}
"""What /proc/PID/maps shows for each."""

_PREFIXES = (
    ("anon_inode:[perf_event]", FILE_PERF),
    ("anon_inode:[io_uring]", FILE_URING),
    ("anon_inode:bpf-map", FILE_BPF),
    ("anon_inode:kvm-vcpu", FILE_KVM_VCPU),
    ("anon_inode:bpf_ringbuf", FILE_BPF),
    ("/secretmem", FILE_SECRET),
    ("/[aio]", FILE_AIO),
)
_DEVICES = ("/dmabuf:", "anon_inode:dmabuf", "/dev/dma_heap", "/proc/bus/pci/")


def special_type(path: str) -> int:
    """FILE_* of a name as the kernel shows it, 0 for one that is not special."""
    for prefix, kind in _PREFIXES:
        if path.startswith(prefix):
            return kind
    if path.startswith(_DEVICES) or (path.startswith("/sys/") and "/resource" in path):
        return 4
    return 0
