"""The passes of numba that a plain function needs: one of integers and bare addresses.

It has no closures, no contexts, no literals that are asked for, nothing that numba would put in line and nothing whose
life has an end: ten of numba's passes are left out, and liveness is not computed, which numba does nine times. A
function that is not plain, or that the short way refuses, goes numba's whole way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def lean_compiler() -> Any:
    """A class for numba's `pipeline_class`: numba's own if this numba is built otherwise."""
    from numba.core import compiler

    try:
        return _lean_compiler()
    except (ImportError, AttributeError):
        return compiler.Compiler


def _nothing() -> None:
    """Leave it."""


def _lean_compiler() -> Any:
    from numba.core import (
        compiler,
        compiler_machinery,
        errors,
        ir_utils,
        postproc,
        ssa,
        transforms,
        typed_passes,
        types,
        untyped_passes,
    )

    from .inference import lean_inference
    from .lowering import lean_lowering
    from .reading import lean_reading

    lower = lean_lowering()
    reader = lean_reading()
    inference = lean_inference()
    function_pass: Any = compiler_machinery.FunctionPass
    lowering_pass: Any = typed_passes.BaseNativeLowering
    strip_pass: Any = typed_passes.PreLowerStripPhis
    usual: Any = compiler.Compiler
    manager: Any = compiler_machinery.PassManager
    failing: Any = errors
    kinds: Any = types
    lifetime = postproc.VariableLifetime
    for owner, name in (
        (strip_pass, "_strip_phi_nodes"),
        (usual, "_compile_core"),
        (usual, "define_pipelines"),
        (compiler_machinery, "_pass_registry"),
    ):
        getattr(owner, name)  # AttributeError before anything is begun

    class Reading(untyped_passes.TranslateByteCode):  # type: ignore[misc]
        """numba's `TranslateByteCode` with another class."""

        _name = "remaptrace_reading"

        def run_pass(self, state: Any) -> bool:
            state.func_ir = reader(state.func_id).interpret(state.bc)
            return True

    class Loops(function_pass):  # type: ignore[misc]
        """What numba's `IRProcessing` does for a function that is no generator."""

        _name = "remaptrace_loops"

        def __init__(self) -> None:
            super().__init__()

        def run_pass(self, state: Any) -> bool:
            code = state.func_ir
            code.blocks = transforms.canonicalize_cfg(code.blocks)
            code.variable_lifetime = lifetime(code.blocks)
            code.generator_info = None
            return True

    class Assignments(function_pass):  # type: ignore[misc]
        """numba's `ReconstructSSA`: every variable is assigned once."""

        _name = "remaptrace_assignments"

        def __init__(self) -> None:
            super().__init__()

        def run_pass(self, state: Any) -> bool:
            code = state.func_ir = ssa.reconstruct_ssa(state.func_ir)
            code._definitions = ir_utils.build_definitions(code.blocks)
            code.variable_lifetime = lifetime(code.blocks)
            return True

    class Inference(typed_passes.NopythonTypeInference):  # type: ignore[misc]
        """numba's `NopythonTypeInference` with another class."""

        _name = "remaptrace_inference"

        def run_pass(self, state: Any) -> bool:
            code, args, context = state.func_ir, state.args, state.typingctx
            warnings = failing.WarningsFixer(failing.NumbaWarning)
            infer = inference(context, code, warnings)
            with context.callstack.register(state.targetctx.target, infer, code.func_id, args), warnings:
                for index, (name, kind) in enumerate(zip(code.arg_names, args, strict=True)):
                    infer.seed_argument(name, index, kind)
                if state.return_type is not None:
                    infer.seed_return(state.return_type)
                for name, kind in state.locals.items():
                    infer.seed_type(name, kind)
                infer.build_constraint()
                state.typing_errors = infer.propagate()
                state.typemap, state.return_type, state.calltypes = infer.unify()
            if isinstance(state.return_type, (kinds.Function, kinds.Phantom, kinds.Array)):
                raise failing.TypingError(f"{state.return_type} is not plain")
            return True

    class Joins(strip_pass):  # type: ignore[misc]
        """numba's `PreLowerStripPhis`: where ways join, each brings its value."""

        _name = "remaptrace_joins"

        def run_pass(self, state: Any) -> bool:
            state.func_ir = self._strip_phi_nodes(state.func_ir)
            return True

    class Lowering(lowering_pass):  # type: ignore[misc]
        """numba's `NativeLowering` with another class."""

        _name = "remaptrace_lowering"

        @property
        def lowering_class(self) -> Any:
            return lower

    class Passes(manager):  # type: ignore[misc]
        """Passes one after the other, which nobody times, names or checks."""

        def run(self, state: Any) -> None:
            for kind, _ in self.passes:
                one = compiler_machinery._pass_registry.get(kind).pass_inst
                one.analysis = self._analysis
                one.run_initialization(state)
                one.run_pass(state)
                one.run_finalizer(state)

    for one in (Reading, Loops, Assignments, Inference, Joins, Lowering):
        compiler_machinery.register_pass(mutates_CFG=True, analysis_only=False)(one)
    passes = Passes("plain")
    for each in (
        Reading,
        untyped_passes.FixupArgs,
        Loops,
        untyped_passes.RewriteSemanticConstants,
        untyped_passes.DeadBranchPrune,
        Assignments,
        Inference,
        Joins,
        Lowering,
        typed_passes.NoPythonBackend,
    ):
        passes.add_pass(each, each.__name__)
    passes.finalize()
    plain = (kinds.Integer, kinds.Boolean, kinds.CPointer)

    class Lean(usual):  # type: ignore[misc]
        """For plain functions the short way first; what it refuses numba tries again as it always does.

        What numba refuses too is not tried again by those that call it: each of them would do so twice.
        """

        short = True
        refused = False
        begun = False

        def __init__(self, typing: Any, target: Any, *rest: Any) -> None:
            """What numba knows of is read by the first: all of ours was there when that began."""
            if not Lean.begun:
                super().__init__(typing, target, *rest)
                Lean.begun = True
                return
            typing.refresh = target.refresh = _nothing
            try:
                super().__init__(typing, target, *rest)
            finally:
                del typing.refresh, target.refresh
                vars(self.state.targetctx).pop("refresh", None)  # a copy of the other

        def define_pipelines(self) -> Any:
            return [passes] if self.short else super().define_pipelines()

        def _compile_core(self) -> Any:
            state = self.state
            library = state.library
            self.short = not state.func_id.is_generator and all(isinstance(one, plain) for one in state.args)
            if self.short:
                try:
                    return super()._compile_core()
                except failing.NumbaError:
                    if Lean.refused:
                        raise
                self.short = False
                state.targetctx.refresh()
                state.func_ir, state.library, state.status.fail_reason = None, library, None
            try:
                return super()._compile_core()
            except failing.NumbaError:
                Lean.refused = True
                raise

    return Lean
