"""remaptrace replays memory-management system calls on simulated Linux kernels."""

__version__ = "0.1.0"
