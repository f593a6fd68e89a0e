"""Make numba link once: what a function calls is put together when the entry is complete, not for every caller anew.

numba links each function together with all that it calls, and those with all that they call: half of the time of
compiling the engine. In the process that makes an object file nothing of it is ever run, so that nothing needs to be
linked before the end.
"""

from __future__ import annotations

from typing import Any


def put_off_linking() -> bool:
    """From now on libraries of this process are finished unlinked. False if this numba is built otherwise."""
    from numba.core import codegen

    library: Any = getattr(codegen, "JITCodeLibrary", None)
    base: Any = getattr(codegen, "CPUCodeLibrary", None)
    maker: Any = getattr(codegen, "JITCPUCodegen", None)
    parts = (
        (base, "_raise_if_finalized"),
        (base, "finalize"),
        (library, "get_pointer_to_function"),
        (maker, "set_env"),
    )
    if not all(hasattr(owner, name) for owner, name in parts):
        return False

    def finalize(self: Any) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self: Any, name: str) -> int:
        return 1  # nothing of this process is called

    def set_env(self: Any, name: str, env: Any) -> None:
        """Environments serve calls from Python."""

    base.finalize = finalize
    maker.set_env = set_env
    library.get_pointer_to_function = get_pointer_to_function
    return True


def linked(library: Any) -> Any:
    """The LLVM module of `library` and of all that it calls, over and over; each is linked in once."""
    from llvmlite import binding as llvm

    order: list[Any] = []
    waiting, seen = [library], {id(library)}
    while waiting:
        one = waiting.pop()
        order.append(one)
        for other in one._linking_libraries:
            if id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
    whole = llvm.parse_assembly(str(order[0]._final_module))
    for one in order[1:]:
        part = llvm.parse_bitcode(one._final_module.as_bitcode())
        for function in part.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                function.linkage = "linkonce_odr"
        whole.link_in(part)
    return whole
