"""What calls of strace text change beside memory, for the byte machine: descriptors, threads and their lives."""
