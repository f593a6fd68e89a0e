"""Machine code on disk: numba makes it once, later runs load it without numba.

`folders` says where it is kept, `build` turns one function of numba into an object file, `load` calls it. Below the
engine and the readers of traces, which both have functions of this kind.
"""
