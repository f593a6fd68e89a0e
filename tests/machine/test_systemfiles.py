"""What a system says of itself and no kernel does, or none that is described: told or refused, never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.cli.session import chosen
from remaptrace.errors import InputError, RemapTraceError, UsageError
from remaptrace.machine.kernel import parsed_settings
from remaptrace.machine.machine import Machine
from remaptrace.machine.system.cmdline import read_cmdline
from remaptrace.machine.system.configfiles import read_config, read_sysctl


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


POOLS = [
    ("hugepages=3", {"nr_hugepages": "3"}, ""),
    ("hugepages=3 hugepages=5", {"nr_hugepages": "3"}, "hugepages=5"),
    ("hugepagesz=2M hugepages=7 hugepages=9", {"nr_hugepages": "7"}, "hugepages=9"),
    ("hugepagesz=1G hugepages=2 hugepagesz=2M hugepages=7", {"nr_hugepages": "7"}, "2 huge pages of 1G"),
    ("hugepages=0:3,1:4", {"nr_hugepages": "7"}, ""),
    ("default_hugepagesz=1G hugepages=3", {}, "default_hugepagesz=1G"),
    ("hugepages=3 default_hugepagesz=1G", {}, "3 huge pages of 1G"),
    ("default_hugepagesz=1G hugepagesz=2M hugepages=4", {"nr_hugepages": "4"}, "default_hugepagesz=1G"),
]


@pytest.mark.parametrize(("text", "settings", "told"), POOLS)
def test_counts_of_huge_pages_belong_to_the_size_that_the_kernel_takes_them_for(
    text: str, settings: dict[str, str], told: str
) -> None:
    found = read_cmdline(text)
    assert found.settings == settings
    assert told in " ".join(found.unlike)
    assert bool(told) == bool(found.unlike)


def test_the_pool_is_that_of_the_architectures_own_huge_pages() -> None:
    text = "hugepagesz=512M hugepages=2 hugepagesz=2M hugepages=9"
    assert chosen("arm64-64k", None, (), None, cmdline=text).settings == {"nr_hugepages": "2"}
    assert chosen(None, None, (), None, cmdline=text).settings == {"nr_hugepages": "9"}


@pytest.mark.parametrize("word", ["vdso=0", "numa=fake=4", "noexec=off", "thp_anon=64K:always", "nr_cpus=4"])
def test_a_parameter_that_decides_what_is_not_simulated_is_named(word: str) -> None:
    found = read_cmdline(f"quiet ro root=/dev/vda1 {word}")
    assert found.settings == {} and found.used == ()
    assert [text.partition(" (")[0] for text in found.unlike] == [word]


def test_a_slip_in_a_parameter_is_told_and_other_words_are_not() -> None:
    (said,) = read_cmdline("transparent_hugepages=always BOOT_IMAGE=/vmlinuz console=ttyS0 splash rw").unlike
    assert "did you mean transparent_hugepage?" in said


BAD = ["transparent_hugepage=often", "stack_guard_gap=x", "hugepages=0:x", "sysctl.vm.overcommit_memory=3"]


@pytest.mark.parametrize("word", BAD)
def test_a_value_that_no_kernel_takes_is_refused_by_its_word(word: str) -> None:
    with pytest.raises(InputError, match=word.partition("=")[0]):
        read_cmdline(f"quiet {word}")


IMPOSSIBLE = [
    ("vm.max_map_count", "-1"),
    ("vm.max_map_count", "4294967296"),
    ("vm.max_map_count", "many"),
    ("vm.overcommit_memory", "3"),
    ("vm.memfd_noexec", "3"),
    ("vm.nr_hugepages", "-1"),
]


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_a_sysctl_that_no_kernel_takes_is_refused_with_its_line(
    tmp_path: Path, name: str, value: str
) -> None:
    path = write(tmp_path, "s", f"vm.swappiness = 60\n{name} = {value}\n")
    with pytest.raises(InputError) as caught:
        read_sysctl(path)
    assert (caught.value.code, caught.value.line, caught.value.found) == ("RT408", 2, value)
    with pytest.raises(UsageError, match="RT404"):
        Machine.load(overrides=parsed_settings((f"{name}={value}",)))


def test_of_several_sysctl_files_a_later_one_goes_over_an_earlier_one_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path, "a", "vm.max_map_count = 100\nvm.overcommit_ratio = 70\n")
    second = write(tmp_path, "b", "vm.max_map_count = 300\nvm.max_map_count = 400\n")
    choice = chosen(None, None, (), None, sysctl=(first, second))
    assert choice.settings == {"max_map_count": "400", "overcommit_ratio": "70"}
    said = capsys.readouterr().err
    assert "300 (in place of 100)" in said and "400 (in place of 300)" in said


def test_files_of_proc_as_grep_prints_them_are_sysctls(tmp_path: Path) -> None:
    text = "/proc/sys/vm/max_map_count:262144\n/proc/sys/vm/lowmem_reserve_ratio:256\t256\t32\n"
    assert read_sysctl(write(tmp_path, "s", text)).settings == {"max_map_count": "262144"}
    with pytest.raises(InputError, match="sysctl"):
        read_sysctl(write(tmp_path, "t", "max_map_count: 262144\n"))


ABSURD = [
    ("CONFIG_X86=y\nCONFIG_X86_64=y\nCONFIG_ARM64=y\n", "two architectures"),
    ("CONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\nCONFIG_TRANSPARENT_HUGEPAGE_MADVISE=y\n", "two of one choice"),
    ("CONFIG_ARM64=y\nCONFIG_ARM64_4K_PAGES=y\nCONFIG_ARM64_64K_PAGES=y\n", "two of one choice"),
    ("CONFIG_ARM=y\n# CONFIG_MMU is not set\n", "CONFIG_MMU"),
]


@pytest.mark.parametrize(("text", "word"), ABSURD)
def test_a_configuration_that_no_kernel_has_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(InputError, match="no kernel has this configuration") as caught:
        read_config(write(tmp_path, "c", text))
    assert word in caught.value.problem


STRANGE = [
    ("CONFIG_MIPS=y\nCONFIG_64BIT=y\n", "--arch"),
    ("CONFIG_PPC=y\nCONFIG_PPC32=y\n", "--arch"),
    ("CONFIG_RISCV=y\nCONFIG_32BIT=y\n", "--arch"),
    ("# Linux/x86 3.10.0 Kernel Configuration\nCONFIG_X86_64=y\n", "--kernel"),
    ("# Linux kernel version: 2.6.32-5-amd64\nCONFIG_X86_64=y\n", "--kernel"),
    ("# Linux/x86 99.1.0 Kernel Configuration\nCONFIG_X86_64=y\n", "--kernel"),
]


@pytest.mark.parametrize(("text", "option"), STRANGE)
def test_what_is_not_described_must_be_named(tmp_path: Path, text: str, option: str) -> None:
    path = write(tmp_path, "c", text)
    with pytest.raises(RemapTraceError) as caught:
        chosen(None, None, (), None, config=path)
    assert caught.value.code == "RT408" and option in caught.value.expected
    choice = chosen("x86_64", "linux-6.1", (), None, config=path)
    assert (choice.arch, choice.kernel) == ("x86_64", "linux-6.1")


def test_configurations_of_old_kernels_name_their_version_too(tmp_path: Path) -> None:
    head = "# Automatically generated make config: don't edit\n# Linux kernel version: {}\n"
    for release in ("2.6.21", "2.6.21.7"):
        text = head.format(release) + "CONFIG_X86_32=y\nCONFIG_MMU=y\n"
        choice = chosen(None, None, (), None, config=write(tmp_path, "c", text))
        assert (choice.kernel, choice.arch) == ("linux-2.6.21", "i386")


UNLIKE = [
    ("CONFIG_X86_32=y\nCONFIG_X86_PAE=y\nCONFIG_VMSPLIT_2G=y\n", "CONFIG_VMSPLIT_2G"),
    ("CONFIG_ARM=y\nCONFIG_VMSPLIT_2G=y\n", "CONFIG_VMSPLIT_2G"),
    ("CONFIG_ARM=y\nCONFIG_ARM_LPAE=y\n", "CONFIG_ARM_LPAE"),
    ("CONFIG_ARM64=y\nCONFIG_ARM64_64K_PAGES=y\nCONFIG_ARM64_VA_BITS=42\n", "CONFIG_ARM64_VA_BITS=42"),
    ("CONFIG_ARM64=y\nCONFIG_ARM64_VA_BITS_52=y\nCONFIG_ARM64_VA_BITS=52\n", ""),
    ("CONFIG_ARM64=y\nCONFIG_ARM64_VA_BITS_39=y\nCONFIG_ARM64_VA_BITS=39\n", ""),
    ("CONFIG_X86_32=y\nCONFIG_VMSPLIT_2G=y\n", ""),
]


@pytest.mark.parametrize(("text", "told"), UNLIKE)
def test_what_the_nearest_architecture_has_otherwise_is_told(tmp_path: Path, text: str, told: str) -> None:
    found = read_config(write(tmp_path, "c", text))
    assert [said.partition(" (")[0] for said in found.unlike] == ([told] if told else [])


def test_an_option_that_is_named_twice_holds_as_named_last(tmp_path: Path) -> None:
    found = read_config(write(tmp_path, "c", "CONFIG_KSM=y\n# CONFIG_KSM is not set\n"))
    assert found.settings["ksm"] == "no"
    assert "CONFIG_KSM=n after CONFIG_KSM=y" in found.used


def test_a_sysctl_that_decides_what_is_not_simulated_is_named_unless_it_is_as_usual(tmp_path: Path) -> None:
    text = "kernel.shm_rmid_forced = {0}\nvm.hugetlb_shm_group = {0}\nvm.max_map_count = 65530\n"
    assert read_sysctl(write(tmp_path, "s", text.format(0))).unlike == ()
    said = " ".join(read_sysctl(write(tmp_path, "s", text.format(1))).unlike)
    assert "kernel.shm_rmid_forced = 1" in said and "vm.hugetlb_shm_group = 1" in said


def test_a_configuration_of_a_distribution_is_told_to_be_one(tmp_path: Path) -> None:
    title = "# Linux/x86_64 {} Kernel Configuration\nCONFIG_X86_64=y\n"
    (said,) = read_config(write(tmp_path, "c", title.format("5.14.0-362.el9.x86_64"))).unlike
    assert "what its distribution took over from later versions is not known" in said
    assert read_config(write(tmp_path, "c", title.format("6.1.55"))).unlike == ()
