"""The machine that stands for where programs were answered: its release, and the settings that can be read there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..defaults import DEFAULT_ARCH, DEFAULT_KERNEL
from ..lateclasses import dataclass
from ..machine.system.described import SYSCTLS, with_searches
from ..machine.system.options import DECIDES, HUGE_PAGES_WORDS
from ..machine.versions.derive import replacement
from ..machine.versions.releases import preset_for
from .wire import Where

if TYPE_CHECKING:
    from ..machine.machine import Machine


@dataclass(frozen=True)
class Place:
    """A machine for the replay, and how it was come by, in words for reports."""

    machine: Machine
    chosen: str  # why this kernel: named, or the release that it stands for
    settings: Mapping[str, str]  # rules as they were read there
    notes: tuple[str, ...] = ()


def machine_there(
    where: Where, *, arch: str | None, kernel: str | None, settings: Mapping[str, Any]
) -> Place:
    """The machine to compare with what `where` answered.

    The kernel is the one named, else the preset of the release there or the one derived for it. Settings that the
    runner read are taken as they are there; `settings`, of the command line, go before. Raises UsageError as
    `Machine.load`.
    """
    from ..machine.machine import Machine

    release = release_of(where)
    notes = []
    if kernel:
        name, chosen = kernel, "named"
    elif release and where.facts.get("sysname", "Linux") == "Linux":
        name, chosen = preset_for(release), f"for the release {release}"
    else:
        name, chosen = DEFAULT_KERNEL, "the default: no release was told"
    read = {} if where.emulated else settings_read(where)
    machine = Machine.load(arch or DEFAULT_ARCH, name, {**read, **settings})
    if not kernel:
        taken = replacement(release, machine.kernel) if release else ""
        notes += [taken] if taken else []
    differing = {k: v for k, v in read.items() if k not in settings and _differs(machine, k, name, arch)}
    if not int(where.facts.get("personality", "0") or 0) & 0x40000 and where.facts:
        notes.append("address randomisation is on there: places differ from run to run")
    return Place(machine, chosen, differing, tuple(notes))


def release_of(where: Where) -> str:
    """The release there; Debian's stands in uname's version, its release names the ABI alone (6.1.0-57-amd64)."""
    found = re.search(r"\bDebian (\d+\.\d+\.\d+)", where.facts.get("version", ""))
    return found[1] if found else where.facts.get("release", "")


def settings_read(where: Where) -> dict[str, str]:
    """Rules by name from what the runner read of sysctls, of transparent huge pages, and of what is not there."""
    found = {
        rule: where.facts[name].split()[0]
        for name, rule in SYSCTLS.items()
        if where.facts.get(name, "").split()
    }
    found = with_searches(found)
    for rule in ("pkeys", "anon_vma_name"):  # the runner asked for a key and for a name
        if rule in where.facts:
            found[rule] = where.facts[rule].split()[0]
    words = [w.strip("[]") for w in where.facts.get("thp.enabled", "").split() if w.startswith("[")]
    if words and words[0] in HUGE_PAGES_WORDS:
        found["thp_enabled"] = HUGE_PAGES_WORDS[words[0]]
    for option in lacked(where):
        found |= DECIDES[option].absent
    if not _all_rights(where):
        found["all_capabilities"] = "no"
        if re.fullmatch(r"-1|\d{1,18}", where.facts.get("rlimit_memlock", "")):
            found["rlimit_memlock"] = where.facts["rlimit_memlock"]
    rights = where.facts.get("capabilities", "").strip()
    if re.fullmatch("[0-9a-f]{1,16}", rights) and int(rights, 16) & _SYS_RESOURCE == 0:
        found["cap_sys_resource"] = "no"
    return found


_RIGHTS = sum(1 << bit for bit in (14, 17, 19, 21, 23))
"""CAP_IPC_LOCK, SYS_RAWIO, SYS_PTRACE, SYS_ADMIN, SYS_NICE: those that memory calls ask for."""
_SYS_RESOURCE = 1 << 24  # of which a rule of its own tells: PR_SET_MM alone asks for it


def _all_rights(where: Where) -> bool:
    """Whether programs run with the rights that memory calls ask for, in the first user namespace; so if unknown.

    The kernel asks for them there (capable), so that root of another user namespace has none of them.
    """
    told = where.facts.get("capabilities", "").strip()
    ids = where.facts.get("uid_map", "").split()
    if ids and ids != ["0", "0", "4294967295"]:
        return False
    return not re.fullmatch("[0-9a-f]{1,16}", told) or int(told, 16) & _RIGHTS == _RIGHTS


def lacked(where: Where) -> list[str]:
    """Options of the configuration there whose files are missing in /proc and /sys."""
    return [option for option in where.facts.get("lacks", "").split() if option in DECIDES]


def _differs(machine: Machine, rule: str, kernel: str, arch: str | None) -> bool:
    from ..machine.machine import Machine

    plain = Machine.load(arch or DEFAULT_ARCH, kernel)
    return machine.kernel.values[rule] != plain.kernel.values[rule]
