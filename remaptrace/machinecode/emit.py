"""From the code of one function and all that it calls to an object file: what LLVM does, for any processor."""

from __future__ import annotations

import re
from typing import Any

from .target import SYMBOL

_WHOLE = (3, 225)
"""LLVM's best level, and its own threshold of that level for putting functions in line."""
_EACH = (1, 0)
"""Every function is made small for itself."""
_MANY = 400
"""Functions of an engine; readers and what rewrites have a hundred or two."""
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


def _passes(module: Any) -> tuple[tuple[int, int], ...]:
    """What goes over a module, as levels and thresholds: the first finds that no error exists, the second uses that.

    Where LLVM chooses among many functions its least level does for the first, in a third of the time, and the code
    is as fast. In readers, most of whose functions are put in line at once, it does not find what it should.
    """
    made = sum(not one.is_declaration for one in module.functions)
    return (_EACH if made >= _MANY else _WHOLE), _WHOLE


def object_of(module: Any, machine: Any) -> bytes:
    """The object file that LLVM makes of a module for a machine.

    Raises RuntimeError if the code would need anything outside itself: it could not be loaded without numba.
    """
    from llvmlite import binding as llvm

    for level, inline in _passes(module):
        tuning = llvm.create_pipeline_tuning_options(speed_level=level)
        tuning.inlining_threshold = inline
        tuning.loop_vectorization = False  # the loops are short
        builder = llvm.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
    module.verify()
    outside = [f.name for f in module.functions if f.is_declaration and not _KNOWN.match(f.name)]
    if outside:
        raise RuntimeError(f"compiled code calls {', '.join(outside)}")
    code: bytes = machine.emit_object(module)
    return code
