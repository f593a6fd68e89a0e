"""What a VMA lookup costs in the structures that kernels have used, simulated exactly.

The engine keeps its VMAs in a structure of its own; this room asks another question: how many
nodes and cache lines would ``find_vma`` touch on this trace in a red-black tree embedded in the
VMAs (2.6 to 6.0), behind the one-entry and the per-thread cache, in a radix tree of 64-way nodes,
and in a maple tree (6.1 on)? `measure` feeds all of them with the same changes and lookups.
"""
