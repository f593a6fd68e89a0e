"""On what the rules of a machine rest: a kernel that was asked, its source, or nothing that is known."""

from __future__ import annotations

from ...lateclasses import dataclass
from ..kernel import Kernel
from ..named import kernel_names
from .decided import DECIDED
from .derive import ground_of, is_derived

GROUNDS = ("asked", "read", "undecided", "given", "common")

OF_THE_MACHINE = frozenset(
    (
        *("ram_pages", "swap_pages", "nodes", "possible_cpus", "pkeys", "gigantic_pages"),
        *(
            "rlimit_stack",
            "rlimit_memlock",
            "rlimit_as",
            "data_limit",
            "all_capabilities",
            "cap_sys_resource",
        ),
        *("nr_hugepages", "nr_overcommit_hugepages", "thp_enabled", "thp_shmem_enabled", "exec_stack_pages"),
        *("anon_vma_name", "mem_soft_dirty", "memory_failure", "seal_system_mappings", "read_only_thp"),
        *("hugetlbfs", "memfd_create", "ksm", "thp_built", "numa", "sysvipc", "aio", "advise_syscalls"),
        *("pkey_calls", "compat_brk"),
    )
)
"""Rules of RAM, limits, rights and configuration: every version has every value of them."""


@dataclass(frozen=True)
class Basis:
    """Rules by ground.

    `asked`: a running kernel's answers contradict any other value; `read`: in its source or patches; `undecided`:
    the version of their change is not known; `given`: set by the user; `common`: what no version decides, as a machine
    commonly has it.
    """

    about: str
    derived: bool
    asked: tuple[str, ...]
    read: tuple[str, ...]
    undecided: tuple[str, ...]
    given: tuple[str, ...]
    common: tuple[str, ...]


def basis_of(kernel: Kernel) -> Basis:
    """The ground of every rule of `kernel`."""
    derived = is_derived(kernel)
    below = _below(kernel)
    asked_below = DECIDED.get(below, frozenset())
    groups: dict[str, list[str]] = {name: [] for name in GROUNDS}
    for rule, origin in kernel.origins.items():
        if origin == "undecided":
            groups["undecided"].append(rule)
        elif origin.startswith("known of "):
            groups["asked"].append(rule)
        elif origin.startswith(("changed in ", "architecture ")):
            groups["read"].append(rule)
        elif origin == "default" or origin in kernel_names():
            ground = "asked" if rule in asked_below else "common" if rule in OF_THE_MACHINE else "read"
            groups[ground].append(rule)
        else:
            groups["given"].append(rule)
    about = (
        kernel.about if derived else ground_of(kernel.name) if kernel.name in kernel_names() else kernel.about
    )
    return Basis(about, derived, **{name: tuple(rules) for name, rules in groups.items()})


def _below(kernel: Kernel) -> str:
    """The preset from which the kernel has what it says nothing of."""
    if kernel.name in kernel_names():
        return kernel.name
    if is_derived(kernel):
        return kernel.about.split(", derived: ", 1)[1].split(" ", 1)[0]
    return ""


def ground_by_rule(kernel: Kernel) -> dict[str, str]:
    """For every rule one of `GROUNDS`."""
    found = basis_of(kernel)
    return {rule: ground for ground in GROUNDS for rule in getattr(found, ground)}
