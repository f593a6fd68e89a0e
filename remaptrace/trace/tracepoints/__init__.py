"""ftrace, perf script and perf trace text: what tracepoints tell."""
