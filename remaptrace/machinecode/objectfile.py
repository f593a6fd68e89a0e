"""Machine code with a seal: damaged files are made again, since loading one would take the process down."""

from __future__ import annotations

from ..kept import keep, kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..kept import StrPath


def write_object(path: StrPath, code: bytes) -> None:
    """Keep `code` at `path`: whole or not at all, also when two processes do it at once. OSError."""
    keep(path, code)


def read_object(path: StrPath) -> bytes | None:
    """What `write_object` kept; None if there is nothing to be read or it is damaged or not to be believed."""
    return kept(path)
