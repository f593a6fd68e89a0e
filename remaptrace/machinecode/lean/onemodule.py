"""One LLVM module for an entry and all that it calls, written as text and read by LLVM once.

numba writes each function as a module, has LLVM read, check and optimize it, and links it together with all that it
calls, and those with all that they call. In the process that makes an object file nothing of it is ever run, so that
nothing needs to be read or linked before the end.
"""

from __future__ import annotations

from typing import Any


def put_off_linking() -> bool:
    """From now on libraries of this process stay as they are written. False if this numba is built otherwise."""
    from llvmlite import ir
    from numba.core import codegen

    library: Any = getattr(codegen, "JITCodeLibrary", None)
    base: Any = getattr(codegen, "CPUCodeLibrary", None)
    maker: Any = getattr(codegen, "JITCPUCodegen", None)
    empty: Any = getattr(maker, "_create_empty_module", None)
    parts = (
        (base, "_raise_if_finalized"),
        (base, "add_ir_module"),
        (base, "finalize"),
        (library, "get_pointer_to_function"),
        (maker, "set_env"),
        (ir.Module(), "metadata"),
        (ir.Module(), "_metadatacache"),
    )
    if empty is None or not all(hasattr(owner, name) for owner, name in parts):
        return False
    shared = ir.Module()

    class Unread(base):  # type: ignore[misc]
        """A library whose modules LLVM has not read."""

        def __init__(self, codegen: Any, name: str) -> None:
            maker._create_empty_module = empty  # numba has LLVM read it: without what is numbered through
            super().__init__(codegen, name)
            maker._create_empty_module = create_empty_module
            self._final_module = None
            self.written: list[Any] = []

        def add_ir_module(self, module: Any) -> None:
            self._raise_if_finalized()
            self.written.append(module)

        def finalize(self) -> None:
            self._raise_if_finalized()
            self._finalized = True

        def get_pointer_to_function(self, name: str) -> int:
            return 1  # nothing of this process is called

        def _finalize_specific(self) -> None:
            """Nothing is added to LLVM's engine."""

    def create_empty_module(self: Any, name: str) -> Any:
        module = empty(self, name)
        module.metadata, module._metadatacache = shared.metadata, shared._metadatacache  # numbered through
        return module

    def set_env(self: Any, name: str, env: Any) -> None:
        """Environments serve calls from Python."""

    maker._library_class = Unread
    maker._create_empty_module = create_empty_module
    maker.set_env = set_env
    return True


def linked(library: Any) -> Any:
    """The LLVM module of `library` and of all that it calls, over and over; each function is in it once."""
    from llvmlite import binding as llvm
    from numba.core import cgutils

    written, read = _reached(library)
    first = written[0]
    lines = [f'target triple = "{first.triple}"', f'target datalayout = "{first.data_layout}"']
    lines += [kind.get_declaration() for kind in first.get_identified_types().values()]
    declared: dict[str, str] = {}
    defined: dict[str, str] = {}
    for module in written:
        if module.namedmetadata:
            raise RuntimeError("modules with named metadata are not expected")
        for one in module.global_values:
            if getattr(one, "is_declaration", False):
                if one.name not in declared:
                    declared[one.name] = str(one)
                continue
            text = str(one)
            if defined.setdefault(one.name, text) != text and one.linkage in ("private", "internal"):
                raise RuntimeError(f"two things are called {one.name}")
    lines += defined.values()
    lines += [text for name, text in declared.items() if name not in defined]
    lines += [str(one) for one in first.metadata]
    whole = llvm.parse_assembly(cgutils.normalize_ir_text("\n".join(lines)))
    for one in read:
        part = llvm.parse_bitcode(one.as_bitcode())
        for function in part.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                function.linkage = "linkonce_odr"
        whole.link_in(part)
    return whole


def _reached(library: Any) -> tuple[list[Any], list[Any]]:
    """The modules of `library` and of all that it calls: those that LLVM has not read, and those that it has."""
    written: list[Any] = []
    read: list[Any] = []
    waiting, seen = [library], {id(library)}
    while waiting:
        one = waiting.pop()
        if one._final_module is None:
            written += one.written
        else:
            read.append(one._final_module)
        for other in one._linking_libraries:
            if id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
    return written, read
