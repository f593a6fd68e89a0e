"""A machine: architecture x kernel x resources, resolved into two int64 arrays.

>>> machine = Machine.load("i386", "linux-2.6.21", {"max_map_count": 100})
>>> machine.arch.name, machine.kernel.values["max_map_count"], machine.origins["max_map_count"]
('i386', 100, 'override')
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from ..defaults import DEFAULT_ARCH, DEFAULT_KERNEL
from ..display import html_table, one_line
from ..lateclasses import dataclass, field, replace
from .arch import Arch, arch_names, load_arch
from .archwords import N_ARCH
from .kernel import Kernel, override
from .load import kernel_names, load_kernel
from .rules import N_RULES, RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt


__all__ = ["Arch", "Kernel", "Machine", "arch_names", "kernel_names"]


@dataclass(frozen=True, repr=False)
class Machine:
    """What a trace is replayed on. Make one with `load`."""

    arch: Arch
    kernel: Kernel
    overrides: Mapping[str, int] = field(default_factory=dict)
    host: Machine | None = None  # the machine below a User-mode Linux guest

    @classmethod
    def load(
        cls,
        arch: str = DEFAULT_ARCH,
        kernel: str = DEFAULT_KERNEL,
        overrides: Mapping[str, Any] | None = None,
        host: str | Machine | None = None,
    ) -> Machine:
        """The machine of that name.

        `overrides` sets rules by name (see machine.rules), `ram` and `swap` as sizes. UsageError: RT401
        unknown kernel, RT402 unknown architecture, RT403 unknown rule, RT404 bad value, RT405 an
        architecture that this kernel does not have.
        """
        chosen = load_kernel(kernel)
        words = load_arch(arch, chosen)
        parsed = dict(override(k, v, words.page_size) for k, v in (overrides or {}).items())
        cannot = dict(override(k, v, words.page_size) for k, v in words.settings.items())
        values = {**chosen.values, **cannot, **parsed}
        origins = {
            **chosen.origins,
            **dict.fromkeys(cannot, f"architecture {words.name}"),
            **dict.fromkeys(parsed, "override"),
        }
        if isinstance(host, str):
            host = cls.load(words.host_arch or arch, host)
        return cls(words, replace(chosen, values=values, origins=origins), parsed, host)

    def __repr__(self) -> str:
        return one_line("Machine", {"": self.name, **self._overrides()})

    def _repr_html_(self) -> str:
        return html_table(f"Machine {self.name}", {"about": self.kernel.about, **self._overrides()})

    def _overrides(self) -> dict[str, object]:
        return {name: self.rule(name) for name in self.overrides}

    @property
    def name(self) -> str:
        """Kernel and architecture in a few words, with the host if there is one."""
        text = f"{self.kernel.name}, {self.arch.label}"
        return f"{text} on {self.host.name}" if self.host else text

    @property
    def origins(self) -> Mapping[str, str]:
        """For every rule: the preset that set it, "default" or "override"."""
        return self.kernel.origins

    @property
    def page_size(self) -> int:
        """Bytes of a page."""
        return self.arch.page_size

    def rule(self, name: str) -> int | str:
        """The value of a rule as a person writes it: choices by word."""
        rule, value = RULES[name], self.kernel.values[name]
        return rule.choices[value] if rule.kind == "enum" else value

    @cached_property
    def rules(self) -> npt.NDArray[np.int64]:
        """The engine's rules, indexed by the R_* numbers; int64[N_RULES]."""
        import numpy as np

        out = np.zeros(N_RULES, dtype=np.int64)
        for rule in RULES.values():
            out[rule.index] = self.kernel.values[rule.name]
        return out

    @cached_property
    def archwords(self) -> npt.NDArray[np.int64]:
        """The engine's architecture words, indexed by the A_* and P_* numbers; int64[N_ARCH]."""
        import numpy as np

        out = np.zeros(N_ARCH, dtype=np.int64)
        out[: len(self.arch.words)] = self.arch.words
        return out
