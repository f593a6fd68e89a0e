"""Calling functions whose machine code is on disk; numba is imported only when it has to be made first."""

from __future__ import annotations

from _thread import allocate_lock
from contextlib import suppress

import numpy as np

from .. import errorcodes as ec
from ..errors import ReplayError
from .calling import function_at
from .folders import known_object, object_file
from .image import FORMAT, placed
from .objectfile import read_object, write_object
from .shipped import shipped_address
from .target import SYMBOL, target_machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_alive: list[Any] = []
"""LLVM's engines: the code lives as long as they do."""


class Function:
    """A compiled function: takes ints and contiguous arrays, gives an int. The interpreter's lock is free meanwhile.

    Its machine code is linked at the first call, and made first if it is not on disk: each raises ReplayError RT605
    when it fails. An array is passed by its address alone or, with `whole_arrays`, as numba passes it: owner, sizes,
    data, shape, strides.
    """

    def __init__(self, room: str, name: str, *, whole_arrays: bool = False) -> None:
        self._room, self._name = room, name
        self._words = _described if whole_arrays else _placed
        self._address = 0
        self._lock = allocate_lock()
        self._prototypes: dict[int, Any] = {}

    def __call__(self, *arguments: Any) -> int:
        """The function's answer."""
        return self.with_words(self.words_of(*arguments))

    def with_words(self, words: list[int]) -> int:
        """The same of arguments that are words already, arrays as `words_of` gives them and kept alive elsewhere."""
        function = self._prototypes.get(len(words)) or self._prototype(len(words))
        answer: int = function(*words)
        return answer

    def words_of(self, *arguments: Any) -> list[int]:
        """What `arguments` are to the function: for those that many calls share."""
        words: list[int] = []
        for argument in arguments:
            if isinstance(argument, (np.ndarray, tuple)):
                self._words(argument, words)
            else:
                words.append(int(argument))
        return words

    def link(self) -> None:
        """Have the machine code in this process, made if it must be: for processes that are forked from it."""
        with self._lock:
            self._address = self._address or self._link()

    @property
    def linked(self) -> bool:
        """True when a call costs no more than the call: the machine code is in this process."""
        return self._address != 0

    def _prototype(self, words: int) -> Any:
        self.link()
        with self._lock:
            self._prototypes[words] = function_at(self._address, words)
            return self._prototypes[words]

    def _link(self) -> int:
        address = shipped_address(self._room, self._name)
        if address:
            return address
        path = known_object(self._room, self._name) or object_file(self._room, self._name)
        code = read_object(path)
        if code is None:
            from .build import make_object

            code = make_object(self._room, self._name)
            with suppress(OSError):  # where nothing can be kept it is compiled every time, as announced
                write_object(path, code)
        if not code.startswith(FORMAT):
            return _address(code)
        try:
            return placed(code)
        except OSError as error:
            raise ReplayError(
                ec.RT_NOT_COMPILED, "machine code cannot be put into memory here", found=str(error)
            ) from None


def _start(array: Any) -> int:
    """The address of an array's first word; ValueError if the others do not follow it."""
    if not array.flags.c_contiguous:
        raise ValueError("compiled code takes contiguous arrays")
    address: int = array.__array_interface__["data"][0]
    return address


def _placed(array: Any, words: list[int]) -> None:
    words.append(_start(array))


def _described(array: Any, words: list[int]) -> None:
    """The fields of numba's array structure, in order; a tuple of arrays is one behind the other."""
    if isinstance(array, tuple):
        for one in array:
            _described(one, words)
        return
    words += (0, 0, array.size, array.itemsize, _start(array))
    words += array.shape
    words += array.strides


def _address(code: bytes) -> int:
    """Have LLVM link an object file into this process; the address of its function."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _alive.append(engine)
    address: int = engine.get_function_address(SYMBOL)
    return address
