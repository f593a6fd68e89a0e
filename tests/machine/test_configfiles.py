"""Machines from a system's own files: sysctl -a, .config, a kernel in YAML."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from remaptrace.abi.errnos import EINVAL, ENOSPC, ENOSYS, EPERM
from remaptrace.abi.kinds import K_MUNMAP
from remaptrace.api import replay
from remaptrace.cli.session import chosen, load_traces
from remaptrace.errors import InputError, RemapTraceError
from remaptrace.machine.archwords import A_TASK_SIZE
from remaptrace.machine.kernel import parsed_settings
from remaptrace.machine.load import load_kernel
from remaptrace.machine.machine import Machine
from remaptrace.machine.system.cmdline import read_cmdline
from remaptrace.machine.system.configfiles import read_config, read_sysctl
from remaptrace.machine.system.options import compared
from remaptrace.trace.scenario.read import read_scenario

SYSCTL = """\
kernel.randomize_va_space = 2
vm.legacy_va_layout = 0
vm.max_map_count = 262144
vm.overcommit_memory = 2
vm.overcommit_ratio = 80
vm.swappiness = 60
"""


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_sysctl_sets_the_limits_that_are_rules(tmp_path: Path) -> None:
    found = read_sysctl(write(tmp_path, "s", SYSCTL))
    machine = Machine.load(overrides=found.settings)
    assert machine.rule("max_map_count") == 262144
    assert machine.rule("overcommit_memory") == 2
    assert machine.rule("overcommit_ratio") == 80
    assert "vm.max_map_count = 262144" in found.used


CONFIGS = [
    ("# Linux/x86 6.1.55 Kernel Configuration\nCONFIG_X86_64=y\n", "linux-6.1.55", "x86_64"),
    ("CONFIG_X86_32=y\nCONFIG_X86_PAE=y\n", None, "i386-pae"),
    ("CONFIG_X86_32=y\n# CONFIG_HIGHMEM64G is not set\nCONFIG_HIGHMEM4G=y\n", None, "i386"),
    ("CONFIG_UML=y\nCONFIG_X86_64=y\n", None, "um-x86_64"),
    ("CONFIG_UML=y\nCONFIG_3_LEVEL_PGTABLES=y\n", None, "um-i386-3l"),
    ("CONFIG_UML=y\n# CONFIG_3_LEVEL_PGTABLES is not set\n", None, "um-i386"),
    ("CONFIG_ARM64=y\nCONFIG_ARM64_64K_PAGES=y\n", None, "arm64-64k"),
    ("CONFIG_ARM64=y\nCONFIG_ARM64_4K_PAGES=y\n", None, "arm64"),
]


@pytest.mark.parametrize(("text", "kernel", "arch"), CONFIGS)
def test_config_tells_architecture_and_kernel(tmp_path: Path, text: str, kernel: str, arch: str) -> None:
    found = read_config(write(tmp_path, "config", text))
    assert (found.kernel, found.arch) == (kernel, arch)


def test_every_architecture_that_a_config_can_name_exists(tmp_path: Path) -> None:
    for text, _, arch in CONFIGS:
        kernel = "linux-2.6.21" if arch.startswith(("um", "i386")) else "linux-6.18"
        assert Machine.load(arch, kernel).arch.label in (arch, arch.removesuffix("-2l")), text


def test_config_sets_huge_pages_and_the_lowest_address(tmp_path: Path) -> None:
    text = "CONFIG_X86_64=y\nCONFIG_DEFAULT_MMAP_MIN_ADDR=4096\nCONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\n"
    found = read_config(write(tmp_path, "config", text))
    assert found.settings == {
        "dac_mmap_min_addr": "4096",
        "mmap_min_addr": "4096",
        "thp_enabled": "2",
    }
    text = "CONFIG_X86_64=y\nCONFIG_DEFAULT_MMAP_MIN_ADDR=4096\nCONFIG_LSM_MMAP_MIN_ADDR=65536\n"
    assert read_config(write(tmp_path, "config", text)).settings == {
        "dac_mmap_min_addr": "4096",
        "mmap_min_addr": "65536",
    }
    text = "CONFIG_X86_64=y\n# CONFIG_TRANSPARENT_HUGEPAGE is not set\n"
    assert read_config(write(tmp_path, "config", text)).settings == {
        "thp_enabled": "0",
        "thp_align": "never",
        "thp_align_files": "no",
        "thp_built": "no",
        "thp_shmem_enabled": "never",
    }


def test_config_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "config.gz"
    path.write_bytes(gzip.compress(b"CONFIG_ARM64=y\nCONFIG_ARM64_16K_PAGES=y\n"))
    assert read_config(str(path)).arch == "arm64-16k"
    path.write_bytes(lzma.compress(b"CONFIG_ARM64=y\nCONFIG_ARM64_64K_PAGES=y\n"))
    assert read_config(str(path)).arch == "arm64-64k"
    path.write_bytes(b"\xfd7zXZ\0\0")
    with pytest.raises(InputError, match="RT408"):
        read_config(str(path))


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 100, b"hello\n", b"\x1f\x8b\x08"])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    for read in (read_config, read_sysctl):
        with pytest.raises(InputError) as caught:
            read(str(path))
        assert caught.value.code == "RT408"
        assert caught.value.path == str(path)


def test_a_kernel_file_changes_rules_of_its_base(tmp_path: Path) -> None:
    write(tmp_path, "low.yaml", "base: linux-6.1\nrules: {max_map_count: 1000}\n")
    path = write(tmp_path, "fleet.yaml", "base: ./low.yaml\nabout: ours\nrules:\n  thp_enabled: 2\n")
    kernel = load_kernel(path)
    assert (kernel.name, kernel.about) == ("fleet", "ours")
    assert kernel.values["max_map_count"] == 1000
    assert kernel.values["thp_enabled"] == 2
    assert kernel.origins["thp_enabled"] == path
    assert kernel.origins["max_map_count"].endswith("low.yaml")
    assert kernel.values["mseal"] == load_kernel("linux-6.1").values["mseal"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("rules: {max_map_count: 5}", "base"),
        ("base: linux-6.18\nrule: {max_map_count: 5}", "rule"),
        ("base: linux-6.18\nrules: {max_map_cuont: 5}", "max_map_cuont"),
        ("base: linux-6.18\nrules: {max_map_count: many}", "max_map_count"),
        ("base: linux-9.18\n", "linux-9.18"),
        ("base: ./k.yaml\n", "circle"),
        ("base: [", "node content"),
        ("- 1", "mapping"),
        ("!!python/object/apply:os.system [true]", "python"),
    ],
)
def test_a_bad_kernel_file_says_what_is_wrong(tmp_path: Path, text: str, word: str) -> None:
    path = write(tmp_path, "k.yaml", text)
    with pytest.raises(RemapTraceError) as caught:
        load_kernel(path)
    assert word in f"{caught.value.problem} {caught.value.found}"


ABSENT = [
    ("HUGETLBFS", {"hugetlbfs": "no"}),
    ("ARCH_HAS_PKEYS", {"pkey_calls": "no", "pkeys": "0"}),
    ("MEMFD_CREATE", {"memfd_create": "no"}),
    ("KSM", {"ksm": "no", "ksm_by_process": "none"}),
    ("NUMA", {"numa": "no", "nodes": "1"}),
    ("SECRETMEM", {"secretmem": "no"}),
    ("USERFAULTFD", {"userfaultfd": "no"}),
    ("SYSVIPC", {"sysvipc": "no"}),
    ("AIO", {"aio": "no"}),
    ("ADVISE_SYSCALLS", {"advise_syscalls": "no"}),
    ("SWAP", {"swap": "0"}),
    ("MEMORY_FAILURE", {"memory_failure": "no"}),
]


@pytest.mark.parametrize(("option", "settings"), ABSENT)
def test_an_option_that_is_not_set_takes_away_what_it_brings(
    tmp_path: Path, option: str, settings: dict[str, str]
) -> None:
    found = read_config(write(tmp_path, "config", f"CONFIG_X86_64=y\n# CONFIG_{option} is not set\n"))
    assert found.settings == settings
    Machine.load(overrides=found.settings)


SPLITS = [
    ("CONFIG_X86_32=y\nCONFIG_VMSPLIT_2G=y\n", "i386-2g", 0x80000000),
    ("CONFIG_X86_32=y\nCONFIG_VMSPLIT_2G_OPT=y\n", "i386-2g-opt", 0x78000000),
    ("CONFIG_X86_32=y\nCONFIG_VMSPLIT_1G=y\n", "i386-1g", 0x40000000),
    ("CONFIG_X86_32=y\nCONFIG_VMSPLIT_3G_OPT=y\n", "i386-3g-opt", 0xB0000000),
    ("CONFIG_X86_32=y\nCONFIG_VMSPLIT_3G=y\n", "i386", 0xC0000000),
    ("CONFIG_ARM64=y\nCONFIG_ARM64_VA_BITS_39=y\n", "arm64-39", 1 << 39),
]


@pytest.mark.parametrize(("text", "arch", "top"), SPLITS)
def test_the_split_of_addresses_is_that_of_the_configuration(
    tmp_path: Path, text: str, arch: str, top: int
) -> None:
    found = read_config(write(tmp_path, "config", text))
    assert found.arch == arch
    kernel = "linux-2.6.21" if arch.startswith("i386") else "linux-6.18"
    assert Machine.load(arch, kernel).archwords[A_TASK_SIZE] == top


BUILT = """\
steps:
- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- madvise: {addr: 0x10000000, length: 4096, advice: mergeable}
- madvise: {addr: 0x10000000, length: 4096, advice: hugepage}
- mmap: {addr: 0, length: 0x200000, prot: rw, flags: [private, anonymous, hugetlb], fd: -1, offset: 0}
- shmget: {key: 0, size: 4096, flags: 896}
- mbind: {addr: 0x10000000, length: 4096, mode: default, nodes: 0, maxnode: 0, flags: 0}
"""


def test_what_a_kernel_was_built_without_is_refused_as_it_refuses(tmp_path: Path) -> None:
    text = "".join(
        f"# CONFIG_{o} is not set\n" for o in ("KSM", "TRANSPARENT_HUGEPAGE", "HUGETLBFS", "SYSVIPC", "NUMA")
    )
    machine = Machine.load(overrides=read_config(write(tmp_path, "config", text)).settings)
    answers = replay(read_scenario(BUILT.encode(), name="built"), machine).columns["ret"]
    assert answers[-5:].tolist() == [-EINVAL, -EINVAL, -EINVAL, -ENOSYS, -ENOSYS]


def test_configurations_are_compared_by_what_decides(tmp_path: Path) -> None:
    texts = (
        "CONFIG_KSM=y\nCONFIG_LRU_GEN=y\nCONFIG_USB=y\nCONFIG_NUMA=y\n",
        "# CONFIG_KSM is not set\nCONFIG_NUMA=y\n",
    )
    found = compared([read_config(write(tmp_path, f"c{i}", t)).options for i, t in enumerate(texts)])
    assert found.deciding == {"KSM": ["y", "n"]}
    assert found.concerning == {"LRU_GEN": ["y", "n"]}
    assert found.others == 1


def test_boot_parameters_are_settings(tmp_path: Path) -> None:
    text = (
        "BOOT_IMAGE=/vmlinuz root=/dev/vda mem=4G transparent_hugepage=always hugepagesz=2M hugepages=8 "
        "hugepagesz=1G hugepages=2 stack_guard_gap=1 sysctl.vm.max_map_count=100 norandmaps -- hugepages=99"
    )
    for given in (text, write(tmp_path, "cmdline", text + "\n")):
        assert read_cmdline(given).settings == {
            "ram": str(4 << 30),
            "thp_enabled": "2",
            "nr_hugepages": "8",
            "stack_guard_gap": "1",
            "max_map_count": "100",
            "randomize_va_space": "0",
        }
    with pytest.raises(InputError, match="hugepages=x"):
        read_cmdline("quiet hugepages=x")


SHM = "kernel.shmmax = 8192\nkernel.shmall = 3\nkernel.shmmni = 2\nvm.overcommit_kbytes = 0\n"


def test_sysctl_bounds_segments_of_system_v(tmp_path: Path) -> None:
    machine = Machine.load(overrides=read_sysctl(write(tmp_path, "s", SHM)).settings)
    steps = "steps:\n" + "".join(
        f"- shmget: {{key: 0, size: {n}, flags: 896}}\n" for n in (8193, 8192, 8192, 4096, 1)
    )
    answers = replay(read_scenario(steps.encode(), name="shm"), machine).columns["ret"].tolist()
    assert answers[0] == -EINVAL and answers[2] == -ENOSPC and answers[4] == -ENOSPC
    assert answers[1] >= 0 and answers[3] >= 0


def test_limits_beyond_a_signed_word_are_none(tmp_path: Path) -> None:
    found = read_sysctl(write(tmp_path, "s", "kernel.shmmax = 18446744073692774399\n"))
    assert Machine.load(overrides=found.settings).rule("shmmax") == -1


def test_the_sysctl_lowers_what_rights_guard_and_not_what_searches_keep_to(tmp_path: Path) -> None:
    low = write(tmp_path, "s", "vm.mmap_min_addr = 4096\n")
    assert read_sysctl(low).settings == {"dac_mmap_min_addr": "4096", "mmap_min_addr": "65536"}
    assert read_sysctl(low, lsm_lowest=0).settings["mmap_min_addr"] == "4096"
    assert read_cmdline("sysctl.vm.mmap_min_addr=131072").settings["mmap_min_addr"] == "131072"
    assert parsed_settings(("vm.mmap_min_addr=0",)) == {"dac_mmap_min_addr": "0", "mmap_min_addr": "65536"}
    config = write(
        tmp_path, "c", "CONFIG_X86_64=y\nCONFIG_DEFAULT_MMAP_MIN_ADDR=65536\nCONFIG_LSM_MMAP_MIN_ADDR=32768\n"
    )
    choice = chosen(None, None, (), None, config, low)
    assert choice.settings is not None
    assert (choice.settings["dac_mmap_min_addr"], choice.settings["mmap_min_addr"]) == ("4096", "32768")


def whole_config(release: str, *lines: str) -> str:
    drivers = [f"CONFIG_DRIVER_{n}=m" for n in range(400)]
    return "\n".join([f"# Linux/x86 {release} Kernel Configuration", "CONFIG_X86_64=y", *lines, *drivers, ""])


def test_what_a_whole_configuration_does_not_name_is_not_set_if_its_kernel_has_it(tmp_path: Path) -> None:
    found = read_config(write(tmp_path, "c", whole_config("6.18.1"))).settings
    assert found["userfaultfd"] == found["secretmem"] == found["mem_soft_dirty"] == "no"
    assert found["thp_align"] == "never" and found["read_only_thp"] == "no"
    old = read_config(write(tmp_path, "o", whole_config("4.4.200"))).settings
    assert "secretmem" not in old and "memfd_create" not in old and old["userfaultfd"] == "no"


def test_options_of_flags_and_seals_decide_rules(tmp_path: Path) -> None:
    text = whole_config("6.16", *(f"CONFIG_{o}=y" for o in ("MEM_SOFT_DIRTY", "MSEAL_SYSTEM_MAPPINGS")))
    found = read_config(write(tmp_path, "c", text)).settings
    assert (found["mem_soft_dirty"], found["seal_system_mappings"]) == ("yes", "yes")
    assert "seal_system_mappings" not in read_config(write(tmp_path, "o", whole_config("6.14"))).settings
    maps = write(tmp_path, "7.start.maps", "7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0   [vdso]\n")
    log = write(tmp_path, "log", "7 munmap(0x7ffff7fc1000, 8192) = 0\n7 brk(NULL) = 0x5000000\n")
    (trace,) = (t for _, t in load_traces([log], maps=[maps]))
    ret = {}
    for name, settings in (("plain", {}), ("sealed", found)):
        result = replay(trace, Machine.load(kernel="linux-6.16", overrides=settings), observe_at=[0])
        ret[name] = int(result.columns["ret"][result.trace.columns["kind"] == K_MUNMAP][0])
    assert ret == {"plain": 0, "sealed": -EPERM}


STACK = """\
steps:
- mmap: {addr: 0x10000000, length: 4096, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- mmap: {addr: 0x10001000, length: 4096, prot: rw, flags: [private, anonymous, fixed, stack], fd: -1, offset: 0}
"""


@pytest.mark.parametrize(
    ("kernel", "built", "areas"),
    [
        ("linux-6.6", "no", 1),
        ("linux-6.8", "yes", 2),
        ("linux-6.8", "no", 2),
        ("linux-6.12.30", "no", 2),
        ("linux-6.12.31", "no", 1),
        ("linux-6.12", "no", 1),
        ("linux-6.14.8", "no", 2),
        ("linux-6.14.9", "no", 1),
        ("linux-6.18", "no", 1),
        ("linux-6.18", "yes", 2),
    ],
)
def test_map_stack_without_huge_pages_sets_no_flag_since_it_was_mended(
    kernel: str, built: str, areas: int
) -> None:
    machine = Machine.load(kernel=kernel, overrides={"thp_built": built})
    result = replay(read_scenario(STACK.encode(), name="stack"), machine)
    assert len(result.snapshots[0].vmas) == areas


def test_a_defconfig_says_that_it_leaves_options_out(tmp_path: Path) -> None:
    found = read_config(
        write(tmp_path, "defconfig", "CONFIG_ANON_VMA_NAME=y\n# CONFIG_COMPAT_BRK is not set\n")
    )
    assert found.lacks.startswith(
        "no version (--kernel names it), no architecture (--arch names it), not every"
    )
    assert "hugetlbfs" not in found.settings  # not set there, and no proof that the kernel is without it
    title = "# Linux/x86 6.12.1 Kernel Configuration\nCONFIG_X86_64=y\n"
    whole = title + "".join(f"CONFIG_FILLER_{n}=y\n" for n in range(400))
    assert read_config(write(tmp_path, "config", whole)).lacks == ""
