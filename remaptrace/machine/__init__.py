"""What a trace is replayed on: architecture, kernel rules, resources; all of it data."""

from .machine import Arch, Kernel, Machine, arch_names, kernel_names

__all__ = ["Arch", "Kernel", "Machine", "arch_names", "kernel_names"]
