"""From a function of numba to machine code: an image, which is loaded as it is.

numba compiles each function for itself and lets every one report an error to its caller, through memory. Here all
of them come together once more: whatever is not the entry becomes private to the object, which lets LLVM see that no
error exists, drop the reports and inline more. Memory calls of the engine got twice as fast by that.

`make_object` does it in a process of its own, in which numba leaves functions unoptimized: numba would optimize each
together with all that it calls, over and over, and take three times as long.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from .. import errorcodes as ec
from ..errors import ReplayError
from ..kept import make_folder
from ..parent import end_with_parent
from .directcalls import return_values
from .emit import make_private, mark, object_of, portable_bitcode, retargeted
from .folders import ENGINE, READERS, WHATIF, folder_now, object_file
from .image import MACHINES
from .lean.answers import remember_answers
from .lean.onemodule import linked, put_off_linking
from .lean.passes import lean_compiler
from .lean.quiet import be_quiet
from .lean.room import with_room
from .linking import LinkError, image_of
from .objectfile import read_object, write_object
from .shipped import is_shipped, shipped_bitcode
from .target import SYMBOL, target_machine

SOURCES_CHANGED = "the sources were edited while they were compiled; what was made is not kept"
F = TypeVar("F", bound=Callable[..., Any])


class Jit:
    """How the functions of one room are compiled: numba's options for all, and more for those inside."""

    def __init__(self, inner: dict[str, Any] | None = None, **options: Any) -> None:
        import numba

        self._options = options
        self._apart: dict[Any, tuple[str, ...]] = {}
        plain = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **options}
        lean = lean_compiler()
        self._njit = numba.njit(pipeline_class=lean, **plain, **(inner or {}))
        self._njit_apart = numba.njit(pipeline_class=lean, **plain)

    def kernel(self, function: F) -> F:
        """`function` for calls from other compiled functions.

        A constant argument is taken as any other int: numba would compile the function again for each constant.
        """
        return self._compiled(function, self._njit)

    def _compiled(self, function: F, njit: Any) -> F:
        from numba import types
        from numba.core.sigutils import normalize_signature

        compiled: Any = njit(function)
        compile_as = compiled.compile

        def compile_plain(signature: Any) -> Any:
            arguments, result = normalize_signature(signature)
            plain = tuple(types.unliteral(one) for one in arguments)
            return compile_as(plain if result is None else result(*plain))

        compiled.compile = compile_plain
        kernel: F = compiled
        return kernel

    def apart(self, function: F) -> F:
        """`kernel` for what is never made part of its callers: they stay small and keep their registers."""
        compiled = self._compiled(function, self._njit_apart)
        self._apart[compiled] = ("noinline",)
        return compiled

    def seldom(self, function: F) -> F:
        """`apart` for what few events need: the code in front of it is laid out for passing it by."""
        compiled = self._compiled(function, self._njit_apart)
        self._apart[compiled] = ("noinline", "cold")
        return compiled

    def entry(self, function: Callable[..., int], signature: str) -> Entry:
        """`function`, called from Python, as numba compiles it for `signature`."""
        return Entry(function, signature, self._options, self._apart)


class Entry:
    """A function of which machine code can be made."""

    def __init__(
        self,
        function: Callable[..., int],
        signature: str,
        options: dict[str, Any],
        apart: dict[Any, tuple[str, ...]],
    ) -> None:
        self._function, self._signature, self._options, self._apart = function, signature, options, apart

    def module(self) -> Any:
        """Compile it with all that it calls: an LLVM module in which only it is visible, not optimized."""
        import numba
        from llvmlite import binding as llvm

        be_quiet()
        remember_answers()
        once = put_off_linking()
        if once:
            return_values()  # numba itself would look for what is called instead of an error
        compiled = numba.cfunc(self._signature, **self._options)(self._function)
        module = linked(compiled._library) if once else llvm.parse_assembly(compiled.inspect_llvm())
        make_private(module, compiled.native_name)
        for one, attributes in self._apart.items():
            for made in one.overloads.values():
                mark(module, made.fndesc.llvm_func_name, attributes)
        return module


# where the functions of a room are found with numba around them
_PACKAGES = {
    ENGINE: "remaptrace._jitted",
    READERS: "remaptrace.trace._jitted",
    WHATIF: "remaptrace._jitted",
}


def make_object(room: str, name: str) -> bytes:
    """The machine code of function `name` ("module.function") of `room` for this processor, compiled now.

    Of bitcode that came with the package LLVM makes it in seconds, without it numba in a minute. Raises ReplayError
    RT605 with what the compiler said.
    """
    bitcode = shipped_bitcode(room, name)
    if bitcode is not None:
        from llvmlite import binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        return native_code(retargeted(bitcode, llvm.get_process_triple(), target_machine(image=True)))
    return _made(room, name, "object")


def native_code(module: Any) -> bytes:
    """The machine code of an LLVM module for this processor: an image; an object file where there are no images."""
    if os.uname().machine in MACHINES:
        try:
            return image_of(object_of(module.clone(), target_machine(image=True)), SYMBOL)
        except LinkError:
            pass  # LLVM links what is not known here
    return object_of(module, target_machine())


def make_bitcode(room: str, name: str) -> bytes:
    """The same before LLVM optimizes it, as bitcode: for any processor. Raises as `make_object`."""
    return _made(room, name, "bitcode")


def _made(room: str, name: str, form: str) -> bytes:
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", __name__, room, name, form],
        env={
            **os.environ,
            "NUMBA_OPT": "0",
            "PYTHONHASHSEED": "0",  # numba goes through sets: the same sources give the same bytes
            "PYTHONPATH": os.pathsep.join(paths),
        },
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
    if is_shipped(room, name):
        return
    path = object_file(room, name)
    if read_object(path) is not None:
        return
    try:
        make_folder(path.parent)  # before a minute is spent on what has no place
        code = make_object(room, name)
        if folder_now(room) != path.parent:
            raise ReplayError(ec.RT_NOT_COMPILED, SOURCES_CHANGED)
        write_object(path, code)
    except OSError as error:
        raise ReplayError(
            ec.RT_NOT_COMPILED, "machine code cannot be kept", str(path), found=str(error)
        ) from error


def entry_of(room: str, name: str) -> Entry:
    """Function `name` of `room`, with numba around it."""
    module, _, function = name.rpartition(".")
    entry: Entry = getattr(import_module(f"{_PACKAGES[room]}.{module}"), function)
    return entry


def main() -> None:
    """The process that `make_object` starts: ROOM NAME FORM; an object file or bitcode goes to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # at once: numba would go on
    end_with_parent()
    room, name, form = sys.argv[1:]
    whole = with_room(lambda: entry_of(room, name).module())
    sys.stdout.buffer.write(portable_bitcode(whole) if form == "bitcode" else native_code(whole))


if __name__ == "__main__":
    main()
