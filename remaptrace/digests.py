"""BLAKE2 without hashlib, which loads all of OpenSSL: half of what a short run spends on its own modules."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # an interpreter that has it elsewhere
    from hashlib import blake2b

__all__ = ["blake2b"]
