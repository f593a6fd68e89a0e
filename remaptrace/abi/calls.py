"""What system calls return."""

from __future__ import annotations

RETURNS_ANY, RETURNS_ADDRESS, RETURNS_ZERO, RETURNS_BREAK = 0, 1, 2, 3
"""What a call returns besides errors: any number, a page-aligned address, only 0, an address of any byte."""
