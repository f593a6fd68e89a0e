"""The VMA bill: who spends a program's mappings, when the limit is met, and what would help.

Every statement comes from a replay: the bill from the areas at the peak, the remedies from
replays of the rewritten trace.
"""
