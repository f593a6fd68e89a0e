"""PTE words, the tables that hold them, page frames, swap slots, huge pages."""
