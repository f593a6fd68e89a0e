"""What machine code is made for: this processor."""

from __future__ import annotations

from typing import Any

from .folders import processor_features

SYMBOL = "entry"
"""The name of the one function that an object file offers."""


def target_machine() -> Any:
    """LLVM's description of this processor."""
    from llvmlite import binding as llvm

    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=processor_features(),
        opt=3,
        reloc="default",
        codemodel="jitdefault",
        jit=True,
    )
