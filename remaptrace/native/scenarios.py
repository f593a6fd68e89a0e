"""Scenario files as plain steps, for the running kernel."""

from __future__ import annotations

from pathlib import Path

from .. import errorcodes as ec
from ..errors import InputError, RemapTraceError, UsageError
from .program import KNOWN, operation
from .steps import Program


def _is_recording(path: str) -> bool:
    """Whether the file is a trace of another format than a scenario."""
    from ..trace.detect import discover

    try:
        return discover([path])[0].load().recorded
    except RemapTraceError:
        return False


def read_steps(path: str) -> Program:
    """The steps of the scenario at `path`.

    The file is validated as any scenario. Raises InputError as reading a scenario does, UsageError
    (RT804) for steps that only a simulation can do.
    """
    import yaml

    from ..trace.scenario.read import read_scenario

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(ec.RT_MISSING, error.strerror or "cannot be read", path=path) from None
    try:
        read_scenario(data, name=Path(path).stem, path=path)
    except InputError:
        if not _is_recording(path):
            raise
        raise UsageError(
            ec.RT_NATIVE_STEP,
            "this is a recording, and only scenarios can be run on this kernel",
            path=path,
            expected="'remaptrace check FILE' compares a recording with its replay",
        ) from None
    document = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    steps = [{k: v for k, v in step.items() if k != "expect"} for step in document["steps"]]
    for number, step in enumerate(steps):
        name = operation(step)
        if name not in KNOWN or len(step) != 1:
            raise UsageError(
                ec.RT_NATIVE_STEP, f"step {number} cannot be run on this kernel", path=path, found=name
            )
    return Program(document.get("name", Path(path).stem), steps, "initial" in document, path)
