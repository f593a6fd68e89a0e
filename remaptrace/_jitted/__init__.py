"""The engine once more, compiled: the modules of ``remaptrace.engine`` loaded with numba.

The cache location carries a hash of every engine source: numba itself does not notice an edited
callee in another file.
"""

from __future__ import annotations

from pathlib import Path

from remaptrace.engine.cachedir import prepare_cache

__path__ = [str(Path(__file__).resolve().parent.parent / "engine")]

prepare_cache()
