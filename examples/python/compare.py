"""One trace on two kernels: where do the answers part, and by which rule?

Run from the top of the repository: python examples/python/compare.py
"""

import remaptrace

trace = remaptrace.load("traces/remapwin-256")
new = remaptrace.replay(trace, remaptrace.Machine.load(kernel="linux-6.18"))
old = remaptrace.replay(trace, remaptrace.Machine.load(kernel="linux-2.6.21"))

diff = remaptrace.compare(new, old)
print({what: count for what, count in diff.counts.items() if count})
print("first difference:", remaptrace.event_text(trace, diff.first))

reason = remaptrace.blame_difference(diff)
for rule, (left, right) in zip(reason.rules, reason.values, strict=True):
    print(f"because {rule}: {left} | {right}")
