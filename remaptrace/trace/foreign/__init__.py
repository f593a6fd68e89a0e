"""Other tracers: their lines become lines of strace, or it is said what to record instead."""
