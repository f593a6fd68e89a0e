"""The byte machines once more: the modules of ``remaptrace.trace.compiled`` loaded with numba."""

from __future__ import annotations

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent.parent / "compiled")]
