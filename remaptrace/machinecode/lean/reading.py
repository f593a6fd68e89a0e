"""From bytecode to numba's representation, for functions without handlers of errors: most of what numba looks for."""

from __future__ import annotations

from typing import Any

_RARE = frozenset(
    (
        *("BEFORE_WITH", "BUILD_MAP", "BUILD_CONST_KEY_MAP", "BUILD_LIST", "CALL_FUNCTION_EX", "DICT_MERGE"),
        *(
            "DICT_UPDATE",
            "LIST_APPEND",
            "LIST_EXTEND",
            "LIST_TO_TUPLE",
            "MAP_ADD",
            "SETUP_WITH",
            "LOAD_SPECIAL",
        ),
        *("CALL_INTRINSIC_1", "CALL_INTRINSIC_2"),
    )
)
"""What numba's second look at what it has translated is for."""


def lean_reading() -> Any:
    """A class in place of numba's `Interpreter`. ImportError, AttributeError: this numba is built otherwise."""
    from numba.core import interpreter

    reader: Any = interpreter.Interpreter
    flow: Any = interpreter.Flow
    for owner, name in (
        *((reader, name) for name in ("interpret", "post_process", "_end_try_blocks")),
        *((flow, name) for name in ("run", "_run_handle_exception")),
    ):
        getattr(owner, name)

    class Unguarded(flow):  # type: ignore[misc]
        """No error is caught: after each instruction comes the next."""

        def _run_handle_exception(self, runner: Any, state: Any) -> Any:
            if self._bytecode.exception_entries:
                return super()._run_handle_exception(runner, state)
            return state.advance_pc()

    class Reader(reader):  # type: ignore[misc]
        """For functions of which numba has told apart the instructions."""

        def interpret(self, bytecode: Any) -> Any:
            usual = interpreter.Flow
            if hasattr(bytecode, "exception_entries"):
                interpreter.Flow = Unguarded  # type: ignore[misc,assignment]
            try:
                return super().interpret(bytecode)
            finally:
                interpreter.Flow = usual  # type: ignore[misc]

        def _end_try_blocks(self) -> None:
            if self.bytecode.exception_entries:
                super()._end_try_blocks()

        def post_process(self, peepholes: Any, func_ir: Any) -> Any:
            if not getattr(self.bytecode, "exception_entries", True) and _RARE.isdisjoint(
                [one.opname for one in self.bytecode.table.values()]
            ):
                return func_ir
            return super().post_process(peepholes, func_ir)

    return Reader
