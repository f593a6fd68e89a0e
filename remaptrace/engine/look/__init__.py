"""Looking at a state from Python: lists of areas, PTE words, protections, invariants."""
