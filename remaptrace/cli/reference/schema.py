"""`remaptrace schema`: the JSON Schema of a document: what --format json writes, what sets and pages hold."""

from __future__ import annotations

import json

import click

from ...errorcodes import RT_USAGE
from ...errors import UsageError
from ...report.errortext import printable
from ..options import output_option
from ..output import write_text


@click.command("schema")
@click.argument("document", required=False)
@output_option
def command(document: str | None, output: str | None) -> None:
    """Print the JSON Schema of DOCUMENT: run, check, diff, advise, event and others. Without DOCUMENT, list them.

    A document names its schema: remaptrace/run/1 is `run`. docs/json.md says what its keys mean.
    """
    from ...report.schema import DOCUMENTS, schema_of

    if document is None:
        write_text(["".join(f"{name}\n" for name in DOCUMENTS)], output)
        return
    name = document.removeprefix("remaptrace/").partition("/")[0]
    if name not in DOCUMENTS:
        raise UsageError(
            RT_USAGE, f"there is no document '{printable(document)}'", expected=", ".join(DOCUMENTS)
        )
    write_text([json.dumps(schema_of(name), indent=2) + "\n"], output)
