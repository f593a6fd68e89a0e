"""The command line: one module a command."""

from __future__ import annotations


def main() -> None:
    """Entry point of the `remaptrace` command."""
    raise SystemExit(2)
