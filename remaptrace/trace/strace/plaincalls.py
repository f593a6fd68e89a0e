"""Calls of strace text whose arguments are plain numbers, in the order that their events have them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...abi.calls import AS_NUMBERS, CALLS, EVENTS, SystemCall
from ...abi.errnos import EINVAL
from ...abi.kinds import EVF_TAKEN, K_MREMAP, RETURNS_ADDRESS, RETURNS_ANY, RETURNS_BREAK
from ...abi.mman import MREMAP_DONTUNMAP, MREMAP_FIXED
from ...errorcodes import RT_ARGUMENT
from ..events import IntArray, rows_where
from ..symbols import LEFT_OUT
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


def _plain_of(call: SystemCall) -> Plain:
    args = EVENTS[call.kind].args
    fd = next((at for at, arg in enumerate(args) if arg.form == "fd"), -1)
    return Plain(call.kind, call.least, len(args), fd, call.returns)


PLAIN: dict[bytes, Plain] = {
    call.name.encode(): _plain_of(call) for call in CALLS.values() if call.read == AS_NUMBERS
}
"""The calls of `abi.calls` that every log shows as numbers."""


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
        if token.startswith(b"PROT_"):
            model.left_out_protections.update(name for name in LEFT_OUT if name.encode() in token)
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


def mark_untold(columns: dict[str, IntArray]) -> dict[str, IntArray]:
    """`columns`, with a mark at refusals that may come from an argument which strace does not print.

    That is the new address of mremap beside MREMAP_DONTUNMAP without MREMAP_FIXED.
    """
    moves = rows_where(lambda kind: kind == K_MREMAP, columns["kind"])
    refused = moves[(columns["ret"][moves] == -EINVAL) & (columns["a4"][moves] == 0)]
    if len(refused):
        flags = columns["a3"][refused].astype(np.int64) & (MREMAP_DONTUNMAP | MREMAP_FIXED)
        columns["flags"] = columns["flags"].astype(np.int32)
        columns["flags"][refused[flags == MREMAP_DONTUNMAP]] |= EVF_TAKEN
    return columns
