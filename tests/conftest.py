"""What holds for all tests."""

from __future__ import annotations

import signal

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in jobs in the background: children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)
