"""numba with less work: what it does for every function and ours never need, left out in the process that compiles.

Nothing here decides what code means. Types are inferred by numba, each operation is lowered by numba's own
implementation of it, and a function that is not of the plain kind, or that the short way refuses, goes numba's way.
Where a numba is built otherwise than expected it is left as it is.
"""
