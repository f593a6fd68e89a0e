"""What commands cost beside `run` of the same log, and starting beside the interpreter alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from . import logs
from .spent import ROOT, bare_python, environment, folder, in_turn, tool
from .table import Row

_SCENARIO = """\
name: ten
arch: x86_64
page_size: 4096
steps:
""" + "".join(
    f"- mmap: {{addr: {0x100000000000 + i * 0x4000:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous],"
    " fd: -1, offset: 0}\n"
    for i in range(10)
)
_REWRITES = ("rfp", "rfp-guards", "guards", "merge-order")
_KERNELS = ("linux-6.18", "linux-6.12", "linux-6.1", "linux-5.15")


def _scenario(name: str) -> Path:
    path = folder() / f"{name}.yaml"
    path.write_text(_SCENARIO.replace("name: ten", f"name: {name}"), encoding="utf-8")
    return path


def startup() -> Iterator[Row]:
    """Short commands, whole, against the interpreter of the system that does nothing."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "remaptrace")], check=True)
    bounds = {
        "--help": (tool("--help"), 3, 2.5),
        "run of 10 steps": (tool("run", _scenario("ten")), 7, 4),
        "kernels": (tool("kernels"), 5, 3),
        "arches": (tool("arches"), 5, 3),
        "explain RT102": (tool("explain", "RT102"), 5, 3),
    }
    programs = sorted((ROOT / "traces" / "conformance").glob("linux-6*/*.yaml"))[:110]
    bounds[f"check of {len(programs)} programs"] = tool("check", *programs), 35, 20
    commands = {name: command for name, (command, _, _) in bounds.items()}
    found = in_turn({"python": [bare_python(), "-c", "pass"], **commands}, turns=9)
    bare = found["python"].cpu
    for name, (_, bound, stretch) in bounds.items():
        yield Row("start-up against python3 -c pass", name, found[name].cpu / bare, bound, at_least=False,
                  detail=f"{1000 * found[name].cpu:.0f} / {1000 * bare:.0f} ms", stretch=stretch)  # fmt: skip


def beside_run() -> Iterator[Row]:
    """Commands on the usual log against `run` of it."""
    path = logs.usual()
    target = folder() / "written.jsonl"
    bounds: dict[str, tuple[list[str], float, float | None]] = {
        "advise": (tool("advise", path), 4, 2),
        **{f"--rewrite {name}": (tool("run", path, "--rewrite", name), 3, 1.5) for name in _REWRITES},
        "--format jsonl": (tool("run", path, "--format", "jsonl"), 3, None),
        "convert -o x.jsonl": (tool("convert", path, "-o", target), 1.5, None),
        "diff of two kernels": (
            tool("diff", path, "--kernel", "linux-6.18", "--kernel", "linux-6.1"), 1.5, None,
        ),
    }  # fmt: skip
    found = in_turn({"run": tool("run", path), **{n: c for n, (c, _, _) in bounds.items()}})
    own = found["run"].cpu
    for name, (_, bound, stretch) in bounds.items():
        yield Row("a log of 1,000,000 lines, against run of it", name, found[name].cpu / own, bound,
                  at_least=False, detail=f"{found[name].cpu:.2f} / {own:.2f} s", stretch=stretch)  # fmt: skip
    target.unlink(missing_ok=True)


def sweep() -> Iterator[Row]:
    """A sweep against its parts, and two processes against one."""
    path = logs.usual()
    kernels = [part for kernel in _KERNELS for part in ("--kernel", kernel)]
    parts = work(path)
    whole = in_turn({"sweep": tool("sweep", path, *kernels, "-j", "1")}, turns=2)["sweep"].cpu
    share = parts["parse"] + len(_KERNELS) * parts["replay"]
    group = "sweep"
    yield Row(group, f"{len(_KERNELS)} kernels against one parse and so many replays", whole / share, 1.15,
              at_least=False, detail=f"{whole:.2f} / {share:.2f} s", stretch=1.05)  # fmt: skip
    small = [_scenario(f"small-{i}") for i in range(1000)]
    large = [path, *kernels]
    for name, arguments in (("1,000 small scenarios", small), (f"{len(_KERNELS)} kernels of a log", large)):
        found = in_turn({j: tool("sweep", *arguments, "-j", j) for j in ("1", "2")})
        gain = found["1"].wall / found["2"].wall
        yield Row(group, f"-j 2 against -j 1, {name}", gain, 1.7, detail=f"{found['2'].wall:.2f} s")


def live() -> Iterator[Row]:
    """How long after its first event a pipe that stays open shows the state."""
    command = tool("run", "-", "--live")
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment()
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"1 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n")
    process.stdin.flush()
    began = time.perf_counter()
    process.stdout.read(1)
    seconds = time.perf_counter() - began
    process.communicate()
    yield Row("a live pipe", "first report after the first event", seconds, 1, at_least=False, unit="s")


def work(path: Path, *settings: str) -> dict[str, float]:
    """What of reading and replaying `path` is work, see `parts`; the less of two runs."""
    command = [bare_python(), "-m", "benchmarks.parts", str(path), *settings]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, env=environment()).stdout)
        for _ in range(2)
    ]
    return {name: min(run.get(name, 0.0) for run in runs) for name in runs[0]}
