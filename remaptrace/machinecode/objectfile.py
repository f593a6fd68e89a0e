"""Object files with a seal: damaged ones are made again, since linking one would take the process down."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

_SEAL = hashlib.sha256().digest_size


def write_object(path: Path, code: bytes) -> None:
    """Keep `code` at `path`: whole or not at all, also when two processes do it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "wb") as file:
        file.write(hashlib.sha256(code).digest() + code)
    os.replace(name, path)


def read_object(path: Path) -> bytes | None:
    """What `write_object` kept; None if there is nothing to be read or it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    seal, code = data[:_SEAL], data[_SEAL:]
    return code if hashlib.sha256(code).digest() == seal else None
