"""Showing what `verify` found, and keeping the smallest program of each kind."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ...errorcodes import RT_OUTPUT
from ...errors import InputError, RemapTraceError
from ...report.formats import SCENARIOS, ending_of, text
from .. import output as out

if TYPE_CHECKING:
    from ...report.documents.verify import Verify as Facts


def deliver(facts: Facts, form: str, path: str | None, keep: str | None) -> None:
    """Write the report in its form, and the programs where they are wanted.

    A `path` that ends in .yaml takes the smallest program of the most frequent kind, and the report goes to
    standard output.
    """
    if keep is not None:
        _keep(facts, keep)
    if path is not None and ending_of(path, SCENARIOS) is not None:
        scenario = next((k["example"]["scenario"] for k in facts["kinds"] if k["example"]["scenario"]), None)
        if scenario is not None:
            out.write_text([scenario], path)
        path = None
    parts = text("verify", form, facts)
    if parts is not None:
        out.write_text(parts, path)
    else:
        from ...report.verify import verify_sheet

        out.show(verify_sheet(facts, out.width()), path, "remaptrace verify")


def _keep(facts: Facts, folder: str) -> None:
    """Each kind's smallest program as ``NN-call.yaml``, and ``.c`` where its steps are portable.

    Raises InputError (RT502).
    """
    from ...trace.convert import text_of
    from ...trace.scenario.read import read_scenario

    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(RT_OUTPUT, "the folder cannot be made", folder, found=error.strerror or "") from None
    for number, kind in enumerate(facts["kinds"], 1):
        if kind["example"]["scenario"] is not None:
            name = os.path.join(folder, f"{number:02}-{re.sub(r'[^a-z0-9_]+', '-', kind['call'])}")
            scenario = kind["example"]["scenario"]
            out.write_text([scenario], f"{name}.yaml")
            try:
                parts = list(text_of(read_scenario(scenario), "c")[0])
            except RemapTraceError as error:
                out.warn(f"{name}.c is not written: {error.problem}")
                continue
            out.write_text(parts, f"{name}.c")
