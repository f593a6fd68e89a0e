"""From a function of numba to an object file.

numba compiles each function for itself and lets every one report an error to its caller, through memory. Here all
of them come together once more: whatever is not the entry becomes private to the object, which lets LLVM see that no
error exists, drop the reports and inline more. Memory calls of the engine got twice as fast by that.

`make_object` does it in a process of its own, in which numba leaves functions unoptimized: numba would optimize each
together with all that it calls, over and over, and take three times as long.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from .. import errorcodes as ec
from ..errors import ReplayError
from ..kept import make_folder
from .folders import ENGINE, READERS, object_file
from .objectfile import read_object, write_object
from .target import SYMBOL, target_machine

F = TypeVar("F", bound=Callable[..., Any])

_INLINE = 225  # LLVM's own threshold at this level
_LEVEL = 3
_PASSES = 2  # the first finds that no error exists, the second makes use of it


class Jit:
    """How the functions of one room are compiled: numba's options for all, and more for those inside."""

    def __init__(self, inner: dict[str, Any] | None = None, **options: Any) -> None:
        import numba

        self._options = options
        self._njit = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options, **(inner or {}))

    def kernel(self, function: F) -> F:
        """`function` for calls from other compiled functions.

        A constant argument is taken as any other int: numba would compile the function again for each constant.
        """
        from numba import types
        from numba.core.sigutils import normalize_signature

        compiled: Any = self._njit(function)
        compile_as = compiled.compile

        def compile_plain(signature: Any) -> Any:
            arguments, result = normalize_signature(signature)
            plain = tuple(types.unliteral(one) for one in arguments)
            return compile_as(plain if result is None else result(*plain))

        compiled.compile = compile_plain
        kernel: F = compiled
        return kernel

    def entry(self, function: Callable[..., int], signature: str) -> Entry:
        """`function`, called from Python, as numba compiles it for `signature`."""
        return Entry(function, signature, self._options)


class Entry:
    """A function of which machine code can be made."""

    def __init__(self, function: Callable[..., int], signature: str, options: dict[str, Any]) -> None:
        self._function, self._signature, self._options = function, signature, options

    def machine_code(self) -> bytes:
        """Compile it with all that it calls: the object file.

        Raises RuntimeError if the code would need anything outside itself: it could not be loaded without numba.
        """
        import numba
        from llvmlite import binding as llvm

        compiled = numba.cfunc(self._signature, **self._options)(self._function)
        module = llvm.parse_assembly(compiled.inspect_llvm())
        for one in module.functions:
            if not one.is_declaration:
                one.linkage = "external" if one.name == compiled.native_name else "internal"
        module.get_function(compiled.native_name).name = SYMBOL
        machine = target_machine()
        for _ in range(_PASSES):
            tuning = llvm.create_pipeline_tuning_options(speed_level=_LEVEL)
            tuning.inlining_threshold = _INLINE
            tuning.loop_vectorization = False  # the loops are short
            builder = llvm.create_pass_builder(machine, tuning)
            builder.getModulePassManager().run(module, builder)
        module.verify()
        _refuse_outside(module)
        code: bytes = machine.emit_object(module)
        return code


_KNOWN = re.compile(r"llvm\.|mem(cpy|set|move|cmp)$")


def _refuse_outside(module: Any) -> None:
    outside = [f.name for f in module.functions if f.is_declaration and not _KNOWN.match(f.name)]
    if outside:
        raise RuntimeError(f"compiled code calls {', '.join(outside)}")


# where the functions of a room are found with numba around them
_PACKAGES = {ENGINE: "remaptrace._jitted", READERS: "remaptrace.trace._jitted"}


def make_object(room: str, name: str) -> bytes:
    """The machine code of function `name` ("module.function") of `room`, compiled now.

    Raises ReplayError RT605 with what the compiler said.
    """
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", __name__, room, name],
        env={**os.environ, "NUMBA_OPT": "0", "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        last = said.rpartition("\n")[2] or f"exit status {done.returncode}"
        raise ReplayError(ec.RT_NOT_COMPILED, f"compiling {name} failed", found=last)
    return done.stdout


def keep_object(room: str, name: str) -> None:
    """Compile function `name` of `room` and keep its machine code on disk, unless it is there.

    Raises ReplayError RT605 if it cannot be compiled or kept.
    """
    path = object_file(room, name)
    if read_object(path) is not None:
        return
    try:
        make_folder(path.parent)  # before a minute is spent on what has no place
        write_object(path, make_object(room, name))
    except OSError as error:
        raise ReplayError(
            ec.RT_NOT_COMPILED, "machine code cannot be kept", str(path), found=str(error)
        ) from error


def main() -> None:
    """The process that `make_object` starts: ROOM NAME; the object file goes to standard output."""
    room, name = sys.argv[1:]
    module, _, function = name.rpartition(".")
    entry: Entry = getattr(import_module(f"{_PACKAGES[room]}.{module}"), function)
    sys.stdout.buffer.write(entry.machine_code())


if __name__ == "__main__":
    main()
