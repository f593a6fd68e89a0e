"""How much address space one simulated machine takes where it is limited."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from remaptrace.engine import arena


@pytest.mark.parametrize("limit", [resource.RLIM_INFINITY, 8 << 30])
def test_without_proc_a_share_of_the_limit_is_taken(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    def absent(*_args: Any, **_more: Any) -> Any:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(resource, "getrlimit", lambda _what: (limit, limit))
    monkeypatch.setattr(arena, "open", absent, raising=False)
    share = arena._share_of_address_space()
    assert share == (1 << 62 if limit == resource.RLIM_INFINITY else 2 << 30)
