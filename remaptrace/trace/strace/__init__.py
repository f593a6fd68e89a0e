"""strace text."""
