"""Stored pictures of reports. Set REMAPTRACE_UPDATE_SNAPSHOTS=1 to store new ones; read the diff then."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "pictures"


def assert_same(text: str, name: str) -> None:
    """`text` equals the stored picture `name`."""
    path = FOLDER / name
    if os.environ.get("REMAPTRACE_UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
