"""What machine code is made for: this processor, or one of the levels that are shipped."""

from __future__ import annotations

import os
from functools import lru_cache

from ..lateclasses import dataclass
from .folders import processor_features
from .processor import abilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


SYMBOL = "entry"
"""The name of the one function that an object file offers."""


@dataclass(frozen=True)
class Level:
    """What a processor must be able to do for code that was made elsewhere."""

    name: str
    machine: str  # as uname says it
    triple: str
    cpu: str  # LLVM's name
    flags: frozenset[str]  # words of `abilities` that must be there


_V2 = frozenset("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3".split())
_V3 = _V2 | frozenset("abm avx avx2 bmi1 bmi2 f16c fma movbe xsave".split())
LEVELS = (
    Level("x86-64-v3", "x86_64", "x86_64-unknown-linux-gnu", "x86-64-v3", _V3),
    Level("x86-64-v2", "x86_64", "x86_64-unknown-linux-gnu", "x86-64-v2", _V2),
    Level("aarch64", "aarch64", "aarch64-unknown-linux-gnu", "generic", frozenset()),
)
"""The best first. x86-64 levels as the System V ABI supplement defines them."""


@lru_cache(maxsize=1)
def own_level() -> Level | None:
    """The best level that this processor has; None if it has none."""
    machine, able = os.uname().machine, abilities()
    return next((one for one in LEVELS if one.machine == machine and one.flags <= able), None)


def target_machine(*, image: bool = False) -> Any:
    """LLVM's description of this processor, for code that LLVM links, or for an image."""
    from llvmlite import binding as llvm

    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=processor_features(),
        opt=3,
        **({"reloc": "pic", "codemodel": "small"} if image else _FOR_LLVM),
    )


_FOR_LLVM: dict[str, Any] = {"reloc": "default", "codemodel": "jitdefault", "jit": True}


def level_machine(level: Level) -> Any:
    """LLVM's description of a level, for an image."""
    from llvmlite import binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(level.triple)
    return target.create_target_machine(cpu=level.cpu, opt=3, reloc="pic", codemodel="small")
