"""What the handlers of single calls share: the table they register in, counting, their arguments."""

from __future__ import annotations

from collections.abc import Callable

from ...errorcodes import RT_ARGUMENT
from .args import BadLine
from .model import Call, Model

Handler = Callable[[Model, Call], None]
HANDLERS: dict[bytes, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """The decorated function reads calls of these names."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name.encode()] = handler
        return handler

    return register


def shown(text: bytes) -> str:
    """Text of the log for a report; bytes that are no UTF-8 stay visible."""
    return text.decode("utf-8", "backslashreplace")


def unmodelled(model: Model, call: Call, name: str) -> None:
    """Count a call that changed areas in a way that is not modelled, unless it failed."""
    model.count(model.unmodelled if call.succeeded else model.ignored, name)


def ignored(model: Model, call: Call) -> None:
    """Count a call that leaves areas and descriptors alone."""
    model.count(model.ignored, call.name.decode())


def argument(call: Call, number: int) -> bytes:
    """Argument `number`, from 0; BadLine RT305 if there is none."""
    if number >= len(call.args):
        raise BadLine(RT_ARGUMENT, 0, call.name, f"at least {number + 1} arguments")
    return call.args[number]
