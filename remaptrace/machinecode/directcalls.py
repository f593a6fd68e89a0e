"""Make compiled functions return their values: numba's own convention passes a status, and the value through memory.

Where no function can fail, the status says nothing, and every value costs a store, a load and a register. Nothing is
taken on trust: whatever would raise an error calls a function that does not exist, so that no object file can be made
(`emit.object_of`) unless LLVM proves that it never happens.
"""

from __future__ import annotations

from typing import Any

_NEVER = "an_error_that_nobody_would_see"


def return_values() -> bool:
    """From now on functions compiled in this process return their values. False if this numba is built otherwise."""
    from llvmlite import ir
    from numba.core import callconv, cgutils, cpu

    base: Any = getattr(callconv, "BaseCallConv", None)
    context: Any = getattr(cpu, "CPUContext", None)
    status_of: Any = getattr(callconv, "Status", None)
    if base is None or status_of is None or not isinstance(getattr(context, "call_conv", None), property):
        return False

    no, yes = ir.IntType(1)(0), ir.IntType(1)(1)
    fine = {"code": ir.IntType(32)(0), "is_ok": yes}
    good = status_of(**{word: fine.get(word, no) for word in status_of._fields})

    class Direct(base):  # type: ignore[misc]
        """The convention of C: arguments in, value out."""

        def _make_call_helper(self, builder: Any) -> None:
            return None

        def return_value(self, builder: Any, retval: Any) -> None:
            builder.ret(retval)

        def _return_errcode_raw(self, builder: Any, code: Any) -> None:
            never = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), _NEVER)
            builder.call(never, [])
            builder.unreachable()

        def return_user_exc(self, builder: Any, *told: Any, **more: Any) -> None:
            self._return_errcode_raw(builder, None)

        return_dynamic_user_exc = return_user_exc

        def set_static_user_exc(self, builder: Any, *told: Any, **more: Any) -> None:
            """Nobody is told."""

        def return_status_propagate(self, builder: Any, status: Any) -> None:
            builder.unreachable()  # behind a status that is fine

        def raise_error(self, builder: Any, pyapi: Any, status: Any) -> None:
            """Behind a status that is fine."""

        def get_return_type(self, ty: Any) -> Any:
            return self.context.data_model_manager[ty].get_return_type()

        def get_function_type(self, restype: Any, argtypes: Any) -> Any:
            arguments = self._get_arg_packer(argtypes).argument_types
            return ir.FunctionType(self.get_return_type(restype), list(arguments))

        def decorate_function(self, fn: Any, args: Any, fe_argtypes: Any, noalias: bool = False) -> None:
            self._get_arg_packer(fe_argtypes).assign_names(fn.args, [f"arg.{name}" for name in args])

        def get_arguments(self, func: Any) -> Any:
            return func.args

        def call_function(
            self, builder: Any, callee: Any, resty: Any, argtys: Any, args: Any, attrs: Any = None
        ) -> Any:
            words = self._get_arg_packer(argtys).as_arguments(builder, args)
            value = builder.call(callee, list(words))
            return good, self.context.get_returned_value(builder, resty, value)

    context.call_conv = property(Direct)
    return True
