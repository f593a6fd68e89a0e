"""Recording: a program or a running process becomes a recorded set, which `remaptrace run` replays without options.

`session.record` is the door. Back ends: `tracer` (ptrace and seccomp, needs no rights), `tracefs`
(root), `perfrec` (perf). Nothing here imports the engine or numpy.
"""
