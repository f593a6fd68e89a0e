"""Calls of strace text whose arguments are plain numbers, in the order that their events have them."""

from __future__ import annotations

from typing import NamedTuple

from ...abi import kinds as ev
from ...abi.calls import RETURNS_ADDRESS, RETURNS_ANY, RETURNS_BREAK, RETURNS_ZERO
from ...errorcodes import RT_ARGUMENT
from .args import BadLine, value
from .handlers import ignored
from .model import Call, Model


class Plain(NamedTuple):
    """A call of numbers only: event kind, how many arguments it must and may have, which is a descriptor."""

    kind: int
    least: int
    most: int
    fd: int = -1
    returns: int = RETURNS_ANY


PLAIN: dict[bytes, Plain] = {
    b"mmap": Plain(ev.K_MMAP, 6, 6, 4, RETURNS_ADDRESS),
    b"munmap": Plain(ev.K_MUNMAP, 2, 2, returns=RETURNS_ZERO),
    b"mprotect": Plain(ev.K_MPROTECT, 3, 3, returns=RETURNS_ZERO),
    b"pkey_mprotect": Plain(ev.K_PKEY_MPROTECT, 4, 4, returns=RETURNS_ZERO),
    b"mremap": Plain(ev.K_MREMAP, 3, 5, returns=RETURNS_ADDRESS),
    b"brk": Plain(ev.K_BRK, 1, 1, returns=RETURNS_BREAK),
    b"madvise": Plain(ev.K_MADVISE, 3, 3, returns=RETURNS_ZERO),
    b"mlock": Plain(ev.K_MLOCK, 2, 2, returns=RETURNS_ZERO),
    b"mlock2": Plain(ev.K_MLOCK2, 3, 3, returns=RETURNS_ZERO),
    b"munlock": Plain(ev.K_MUNLOCK, 2, 2, returns=RETURNS_ZERO),
    b"mlockall": Plain(ev.K_MLOCKALL, 1, 1, returns=RETURNS_ZERO),
    b"munlockall": Plain(ev.K_MUNLOCKALL, 0, 0, returns=RETURNS_ZERO),
    b"msync": Plain(ev.K_MSYNC, 3, 3, returns=RETURNS_ZERO),
    b"mincore": Plain(ev.K_MINCORE, 2, 2, returns=RETURNS_ZERO),
    b"remap_file_pages": Plain(ev.K_REMAP_FILE_PAGES, 5, 5, returns=RETURNS_ZERO),
    b"mseal": Plain(ev.K_MSEAL, 2, 3, returns=RETURNS_ZERO),
    b"shmget": Plain(ev.K_SHMGET, 3, 3),
    b"shmat": Plain(ev.K_SHMAT, 3, 3, returns=RETURNS_ADDRESS),
    b"shmdt": Plain(ev.K_SHMDT, 1, 1, returns=RETURNS_ZERO),
    b"shmctl": Plain(ev.K_SHMCTL, 2, 2),
    b"pkey_alloc": Plain(ev.K_PKEY_ALLOC, 2, 2),
    b"pkey_free": Plain(ev.K_PKEY_FREE, 1, 1, returns=RETURNS_ZERO),
    b"personality": Plain(ev.K_PERSONALITY, 1, 1),
    b"ftruncate": Plain(ev.K_FTRUNCATE, 2, 2, 0, RETURNS_ZERO),
    b"ftruncate64": Plain(ev.K_FTRUNCATE, 2, 2, 0, RETURNS_ZERO),
    b"fallocate": Plain(ev.K_FALLOCATE, 4, 4, 0, RETURNS_ZERO),
}


def plain_call(model: Model, call: Call, plain: Plain) -> None:
    ret = call.result.value
    if ret is None and call.result.restarts:
        ignored(model, call)
        return
    if len(call.args) < plain.least:
        raise BadLine(RT_ARGUMENT, 0, call.name, f"{plain.least} arguments")
    numbers = []
    for at, token in enumerate(call.args[: plain.most]):
        numbers.append(model.descriptor(call, token) if at == plain.fd else value(token))
    if ret is not None and not call.result.injected and not can_return(plain.returns, ret):
        raise BadLine(
            RT_ARGUMENT, 0, str(ret).encode() if ret < 4096 else b"%#x" % ret, _RETURNS[plain.returns]
        )
    model.add(call, plain.kind, tuple(numbers), ret)


_RETURNS = ("", "a page-aligned address or an error", "0 or an error", "an address or an error")


def can_return(returns: int, ret: int) -> bool:
    """Whether a kernel can return `ret` from a call that returns `returns`, one of RETURNS_*."""
    if returns == RETURNS_ANY or -4095 <= ret < 0:
        return True
    if returns == RETURNS_ADDRESS:
        return ret & 4095 == 0 and 0 <= ret < 1 << 63
    return ret == 0 or (returns == RETURNS_BREAK and 4096 <= ret < 1 << 63)
