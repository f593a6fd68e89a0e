"""Replay a recorded program on the kernel that recorded it, and look at what came out.

Run from the top of the repository: python examples/python/replay.py
"""

import remaptrace

trace = remaptrace.load("traces/ls")
result = remaptrace.replay(trace)  # the machine that the trace names, else x86_64 with linux-6.18

print(f"{len(trace)} events, at most {result.columns['map_count'].max()} VMAs")
outcome = remaptrace.check(result)
for what, tally in outcome.tallies.items():
    print(f"{what}: {tally.agree} of {tally.total} agree")

for snapshot in result.snapshots:  # address spaces at exit and at the end
    for vma in snapshot.vmas[:3]:
        print(f"{vma.start:x}-{vma.end:x} {vma.perms} {vma.name or vma.file or ''}")
