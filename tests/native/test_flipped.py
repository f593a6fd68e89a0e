"""One rule flipped is found, named and made small in every way in which another side can be asked."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command

from .kernels import image
from .needs import needs_6_18, needs_compiler

pytestmark = needs_compiler
RANDOM = ["--random", "100", "--profile", "merge"]
FLIPPED = ["--set", "mremap_dontunmap=none"]
LOG = "".join(
    f"10 {call}\n"
    for call in (
        *(
            f"mmap(NULL, {4096 * n}, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f71{n:04x}0000"
            for n in range(1, 60)
        ),
        "mmap(NULL, 16384, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f7159980000",
        "mremap(0x7f7159980000, 16384, 16384, MREMAP_MAYMOVE|MREMAP_FIXED|MREMAP_DONTUNMAP, 0x7f7200000000)"
        " = 0x7f7200000000",
        "munmap(0x7f7159980000, 16384) = 0",
    )
)


def found(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The flip is found, by its call, named by its rule, and shown by a program of two steps that `check` reads."""
    capsys.readouterr()
    assert run_command(["verify", *arguments, *FLIPPED, "--format", "json", "--keep", str(folder)]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["kinds"]
    for number, kind in enumerate(facts["kinds"], 1):
        assert (kind["call"], kind["here"]) == ("mremap", "EINVAL")
        assert "mremap_dontunmap" in {rule["rule"] for rule in kind["rules"]}
        assert 1 <= len(kind["example"]["steps"]) <= 3
        kept = folder / f"{number:02}-mremap.yaml"
        machine = ["--kernel", facts["machine"]["kernel"]]
        assert run_command(["check", str(kept), *machine, "--format", "plain"]) == 0
        assert run_command(["check", str(kept), *machine, *FLIPPED, "--format", "plain"]) == 1
        assert kept.with_suffix(".c").exists()


@needs_6_18
def test_on_the_running_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found(RANDOM, tmp_path, capsys)


@needs_6_18
@pytest.mark.parametrize("command", ["bwrap --dev-bind / /", "unshare -U -r", 'sh -c \'"$0" "$@"\' {}'])
def test_behind_a_command(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not shutil.which(command.split(maxsplit=1)[0]):
        pytest.skip(f"no {command.split(maxsplit=1)[0]} on this machine")
    found([*RANDOM, "--under", command], tmp_path, capsys)


@needs_6_18
def test_in_answers_that_were_brought_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run_command(["verify", *RANDOM, "--export", str(out)]) == 0
    subprocess.run([str(out / "run.sh")], check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    found(["--answers", str(out)], tmp_path / "kept", capsys)


@needs_6_18
def test_in_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_text(LOG)
    assert run_command(["verify", str(log), "--format", "plain"]) == 0
    found([str(log)], tmp_path / "kept", capsys)


@needs_6_18
def test_in_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "steps:\n"
        "- repeat: {count: 30, steps: [{mmap: {addr: 0x100000000000 + i*0x2000, length: 4096, prot: rw,"
        " flags: [private, anonymous, fixed]}}]}\n"
        "- mremap: {addr: 0x100000000000, old_length: 4096, new_length: 4096,"
        " flags: [maymove, fixed, dontunmap], new_addr: 0x110000000000}\n"
    )
    found([str(path)], tmp_path / "kept", capsys)


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_in_an_image(version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found([*RANDOM, "--in", str(image(version))], tmp_path, capsys)


@needs_6_18
def test_by_probing(tmp_path: Path) -> None:
    """A preset with the rule flipped is where a probe begins: it comes to the value of the kernel, with evidence."""
    from remaptrace.native.transport import Started
    from remaptrace.probe.probe import probe

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("base: linux-6.18\nrules:\n  mremap_dontunmap: none\n")
    result = probe(Started(), str(wrong), arch="x86_64", rounds=0, search=0)
    assert [(c.rule, c.old, c.new) for c in result.changes] == [("mremap_dontunmap", 0, 2)]
    case, said = result.verdicts["mremap_dontunmap"].against[0]
    assert case and "EINVAL here" in said and not result.unexplained
