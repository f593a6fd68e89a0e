"""One system call, or family of calls, a module."""
