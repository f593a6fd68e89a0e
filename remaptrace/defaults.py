"""The machine that is taken where neither the user nor the input names one."""

from __future__ import annotations

DEFAULT_ARCH = "x86_64"
DEFAULT_KERNEL = "linux-6.18"
