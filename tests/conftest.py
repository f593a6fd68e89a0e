"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")  # a busy machine makes no test fail

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in jobs in the background: children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)
