"""What tests that ask a kernel need of the machine; without it they are skipped by name."""

from __future__ import annotations

import platform

import pytest

from remaptrace.native.launch import compiler

needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
needs_6_18 = pytest.mark.skipif(
    not platform.release().startswith("6.18."),
    reason="the exact preset is that of 6.18; another kernel runs here",
)
