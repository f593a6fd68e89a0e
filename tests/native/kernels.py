"""Kernel images for tests: fetched by tools/fetch-kernels.sh, or a User-mode Linux of the distribution."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("REMAPTRACE_KERNELS", Path(__file__).parents[2] / "kernels"))


def image(version: str) -> Path:
    """The bzImage of a version such as 6.1; the test is skipped by name without it or without qemu."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("no qemu-system-x86_64 here")
    found = sorted(FOLDER.glob(f"vmlinuz-{version}.*"))
    if not found:
        pytest.skip(f"no kernel {version} here: tools/fetch-kernels.sh")
    return found[-1]


def uml() -> Path:
    """A User-mode Linux; the test is skipped by name without one."""
    found = shutil.which("linux.uml")
    if found is None:
        pytest.skip("no linux.uml here")
    return Path(found)
