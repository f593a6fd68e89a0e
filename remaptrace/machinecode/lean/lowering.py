"""From numba's typed representation to LLVM's for plain functions: integers and bare addresses.

numba lowers every variable to a place on the stack that is filled with zeros, emptied after its last use and counted;
LLVM then takes all of it away. Here a variable that is assigned once is the value that was assigned. What an
operation does is numba's, looked up once for each operation and its types.
"""

from __future__ import annotations

import operator
from typing import Any


def lean_lowering() -> Any:
    """A class in place of numba's `Lower`. ImportError, AttributeError: this numba is built otherwise."""
    from numba import core
    from numba.core import cgutils, lowering

    errors: Any = core.errors
    ir: Any = core.ir
    types: Any = core.types

    base: Any = lowering.Lower
    implementations: dict[Any, Any] = {}
    kernels: dict[Any, Any] = {}
    constants: dict[Any, Any] = {}
    words = frozenset((types.Integer, types.IntegerLiteral, types.Boolean, types.BooleanLiteral))
    dummies = frozenset((types.Function, types.Dispatcher, types.Module))
    for needed in ("lower_assign", "alloca", "pre_lower", "post_lower", "fold_call_args", "lower_call"):
        getattr(base, needed)

    class Lean(base):  # type: ignore[misc]
        """Raises errors of numba for what is not plain, which then goes numba's way."""

        def _find_singly_assigned_variable(self) -> None:
            once: set[str] = set()
            again: set[str] = set()
            for block in self.blocks.values():
                for one in block.body:
                    if type(one) is ir.Assign:
                        name = one.target.name
                        (again if name in once else once).add(name)
            self._singly_assigned_vars = once - again
            self._blk_local_varmap: dict[str, Any] = {}

        def lower_function_body(self) -> Any:
            for offset in self.blocks:
                self.blkmap[offset] = self.function.append_basic_block(f"B{offset}")
            self.pre_lower()
            tail = self.builder.basic_block
            with errors.new_error_context("lowering", errcls_=errors.LoweringError):
                self._have_no_references()
                for offset in self._in_order():
                    self._cur_ir_block = block = self.blocks[offset]
                    self.builder.position_at_end(self.blkmap[offset])
                    for statement in block.body:
                        self.loc = statement.loc
                        self.lower_inst(statement)
            self.post_lower()
            return tail

        def _have_no_references(self) -> None:
            """What is counted would have to be given back where its life ends."""
            models = self.context.data_model_manager
            for kind in set(self.fndesc.typemap.values()) if self.context.enable_nrt else ():
                if models[kind].contains_nrt_meminfo():
                    raise errors.LoweringError(f"{kind} has references", loc=self.func_ir.loc)

        def _in_order(self) -> list[int]:
            """Blocks such that each comes behind those that every way to it leads through."""
            order: list[int] = []
            seen = {self.firstblk}
            ways = [(self.firstblk, iter(self.blocks[self.firstblk].terminator.get_targets()))]
            while ways:
                offset, targets = ways[-1]
                for target in targets:
                    if target not in seen:
                        seen.add(target)
                        ways.append((target, iter(self.blocks[target].terminator.get_targets())))
                        break
                else:
                    ways.pop()
                    order.append(offset)
            return [*reversed(order), *(offset for offset in self.blocks if offset not in seen)]

        def incref(self, kind: Any, value: Any) -> None:
            """Nothing here is counted."""

        decref = incref

        def lower_inst(self, statement: Any) -> None:
            kind = type(statement)
            if kind is ir.Assign:
                name = statement.target.name
                value = self.lower_assign(self.fndesc.typemap[name], statement)
                if name in self._singly_assigned_vars:
                    self._blk_local_varmap[name] = value
                else:
                    self.builder.store(value, self.getvar(name))
            elif kind is ir.Jump:
                self.builder.branch(self.blkmap[statement.target])
            elif kind is ir.SetItem:
                self.lower_setitem(
                    statement.target, statement.index, statement.value, self.fndesc.calltypes[statement]
                )
            elif kind in (ir.Branch, ir.Return):
                super().lower_inst(statement)
            else:
                raise errors.LoweringError(f"{kind.__name__} is not plain", loc=self.loc)

        def loadvar(self, name: str) -> Any:
            if name not in self._singly_assigned_vars:
                return self.builder.load(self.getvar(name))
            if name not in self._blk_local_varmap:
                raise errors.LoweringError(f"{name} is used where no way assigns it", loc=self.loc)
            return self._blk_local_varmap[name]

        def getvar(self, name: str) -> Any:
            place = self.varmap.get(name)
            if place is None:
                place = self.varmap[name] = self.alloca(name, self.typeof(name))
            return place

        def lower_assign(self, kind: Any, statement: Any) -> Any:
            value = statement.value
            if type(value) not in (ir.Const, ir.Global, ir.FreeVar):
                return super().lower_assign(kind, statement)
            asked: Any
            if type(kind) in words:
                asked = kind._code, type(value.value), value.value
            elif type(kind) in dummies:
                asked = kind._code, None, None
            else:
                return super().lower_assign(kind, statement)
            known = constants.get(asked)
            if known is None:
                known = constants[asked] = super().lower_assign(kind, statement)
            return known

        def lower_call(self, resty: Any, expr: Any) -> Any:
            """A call of a kernel, which is looked up once for its types."""
            kernel = self.fndesc.typemap[expr.func.name]
            signature = self.fndesc.calltypes[expr]
            convention = self.call_conv
            if type(kernel) is not types.Dispatcher:
                return super().lower_call(resty, expr)
            asked = (kernel._code, *[kind._code for kind in signature.args])
            made = kernels.get(asked)
            if made is None:
                made = kernels[asked] = kernel.dispatcher.overloads[tuple(signature.args)]
            called, result = made.fndesc, signature.return_type
            if called.restype != result or isinstance(result, (types.Optional, types.Phantom)):
                return super().lower_call(resty, expr)
            values = self.fold_call_args(kernel, signature, expr.args, expr.vararg, expr.kws)
            function = self.module.globals.get(called.mangled_name)
            if function is None:
                function = self.context.declare_function(self.module, called)
            status, value = convention.call_function(self.builder, function, result, called.argtypes, values)
            with cgutils.if_unlikely(self.builder, status.is_error):
                convention.return_status_propagate(self.builder, status)
            self.context.add_linking_libs((made.library,))
            return value if result is resty else self.context.cast(self.builder, value, result, resty)

        def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
            if expr.static_lhs is not ir.UNDEFINED or expr.static_rhs is not ir.UNDEFINED:
                return super().lower_binop(resty, expr, op)
            return self._applied(resty, op, (expr.lhs, expr.rhs), self.fndesc.calltypes[expr])

        def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
            return self._applied(resty, operator.getitem, (value, index), signature)

        def lower_setitem(self, target: Any, index: Any, value: Any, signature: Any) -> Any:
            return self._applied(None, operator.setitem, (target, index, value), signature)

        def fold_call_args(self, fnty: Any, signature: Any, args: Any, vararg: Any, kws: Any) -> Any:
            kinds = signature.args
            if vararg or kws or len(args) != len(kinds) or any(isinstance(k, types.BaseTuple) for k in kinds):
                return super().fold_call_args(fnty, signature, args, vararg, kws)
            return [self._as(variable, kind) for variable, kind in zip(args, kinds, strict=True)]

        def _as(self, variable: Any, kind: Any) -> Any:
            """The value of a variable as one of `kind`."""
            own = self.fndesc.typemap[variable.name]
            value = self.loadvar(variable.name)
            return value if own is kind else self.context.cast(self.builder, value, own, kind)

        def _applied(self, resty: Any, op: Any, variables: Any, signature: Any) -> Any:
            """What `op` makes of variables, as one of `resty`; nothing where that is None."""
            values = [self._as(one, kind) for one, kind in zip(variables, signature.args, strict=True)]
            asked = (op, *[kind._code for kind in signature.args])
            known = implementations.get(asked)
            if known is None:
                typing = self.context.typing_context
                function = typing.resolve_value_type(op)
                known = self.context.get_function(
                    function, function.get_call_type(typing, signature.args, {})
                )
                implementations[asked] = known
            result = known._imp(self.context, self.builder, known._sig, values, loc=None)
            self.context.add_linking_libs(getattr(known, "libs", ()))
            if resty is None or resty is signature.return_type:
                return result
            return self.context.cast(self.builder, result, signature.return_type, resty)

    return Lean
