"""The engine once more: the modules of ``remaptrace.engine`` loaded with numba, to make machine code of them."""

from __future__ import annotations

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent.parent / "engine")]
