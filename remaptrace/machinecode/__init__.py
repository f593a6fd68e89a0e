"""Machine code on disk: numba makes it once, later runs load it without numba.

`folders` says where it is kept, `build` turns one function of numba into an object file, `load` calls it. Below the
engine and the readers of traces, which both have functions of this kind.
"""

import os

SHIPPED = os.path.join(os.path.dirname(os.path.realpath(__file__)), "shipped")
"""Where machine code that came with the package lies, if any did (`shipped`)."""
