"""From the code of one function and all that it calls to an object file: what LLVM does, for any processor."""

from __future__ import annotations

import re
from typing import Any

from .target import SYMBOL

_INLINE = 225  # LLVM's own threshold at this level
_LEVEL = 3
_PASSES = 2  # the first finds that no error exists, the second makes use of it
_KNOWN = re.compile(r"llvm\.|mem(cpy|set|move|cmp)$")

_OBJECT = re.compile(r"numba\.dynamic\.globals\.([0-9a-f]+)")
_POINTER = re.compile(  # LLVM numbers equal names of modules that it links
    r"(numba\.dynamic\.globals\.[0-9a-f]+(?:\.\d+)? = [a-z_ ]*global ptr )inttoptr \(i64 \d+ to ptr\)"
)


def retargeted(bitcode: bytes, triple: str, machine: Any) -> Any:
    """The module of `bitcode` as one for another processor: only two lines of a module name its target."""
    from llvmlite import binding as llvm

    text = str(llvm.parse_bitcode(bitcode))
    text = re.sub(r'^target triple = ".*"$', f'target triple = "{triple}"', text, count=1, flags=re.M)
    layout = f'target datalayout = "{machine.target_data}"'
    text = re.sub(r'^target datalayout = ".*"$', layout, text, count=1, flags=re.M)
    text = re.sub(r'"target-(?:cpu|features)"="[^"]*"', "", text)
    return llvm.parse_assembly(text)


def portable_bitcode(module: Any) -> bytes:
    """A module as bitcode without what only this process has: the addresses of its Python objects, and their names.

    numba enters them for errors that are never raised here; the same sources give the same bytes without them.
    """
    from llvmlite import binding as llvm

    text = _POINTER.sub(r"\1null", str(module))
    names = dict.fromkeys(_OBJECT.findall(text))
    numbered = {name: str(number) for number, name in enumerate(names)}
    text = _OBJECT.sub(lambda found: f"numba.dynamic.globals.{numbered[found[1]]}", text)
    bitcode: bytes = llvm.parse_assembly(text).as_bitcode()
    return bitcode


def make_private(module: Any, name: str) -> None:
    """Only function `name` of an LLVM module stays visible, as SYMBOL: LLVM may do with the others what it likes."""
    for one in module.functions:
        if not one.is_declaration:
            one.linkage = "external" if one.name == name else "internal"
    module.get_function(name).name = SYMBOL


def mark(module: Any, name: str, attributes: tuple[str, ...]) -> None:
    """Give function `name` of an LLVM module `attributes`, if it is there."""
    try:
        function = module.get_function(name)
    except NameError:
        return
    for attribute in attributes:
        function.add_function_attribute(attribute)


def object_of(module: Any, machine: Any) -> bytes:
    """The object file that LLVM makes of a module for a machine.

    Raises RuntimeError if the code would need anything outside itself: it could not be loaded without numba.
    """
    from llvmlite import binding as llvm

    for _ in range(_PASSES):
        tuning = llvm.create_pipeline_tuning_options(speed_level=_LEVEL)
        tuning.inlining_threshold = _INLINE
        tuning.loop_vectorization = False  # the loops are short
        builder = llvm.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
    module.verify()
    outside = [f.name for f in module.functions if f.is_declaration and not _KNOWN.match(f.name)]
    if outside:
        raise RuntimeError(f"compiled code calls {', '.join(outside)}")
    code: bytes = machine.emit_object(module)
    return code
