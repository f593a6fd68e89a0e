"""The areas of an address space: the tree of VMAs, free gaps, merging, splitting, choosing an address."""
