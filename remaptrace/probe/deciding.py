"""Programs made by hand, each for a rule that random programs do not reach (deciding.yaml)."""

from __future__ import annotations

from pathlib import Path

from ..native.steps import Program

_FILE = Path(__file__).with_name("deciding.yaml")


def deciding_programs() -> list[Program]:
    """Each named after its rule, with a number behind it where a rule takes several."""
    import yaml

    programs = yaml.load(_FILE.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [Program(name, steps, whole=True) for name, steps in programs.items()]
