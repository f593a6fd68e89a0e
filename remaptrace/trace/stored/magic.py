"""The first bytes of a column file; asked of every input, so that nothing else is loaded here."""

from __future__ import annotations

MAGIC = b"RTCOLS2\n"
_UNSEALED = b"RTCOLS1\n"  # the first layout: no checksum, the header at 16
MAGICS = (MAGIC, _UNSEALED)
