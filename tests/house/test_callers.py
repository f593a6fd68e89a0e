"""Nobody calls it: no function, method, class or constant stands in the package that nothing in it names."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache

from .imports import PACKAGE, modules

TESTED_ONLY = {
    "engine.look.invariants.violations": "the check of a whole state that tests of every room make",
    "engine.pages.pte.mk_file_pte": "makes the words that the tests of every architecture read back",
    "engine.pages.pte.pte_shown": "the word as the machine keeps it: what those tests compare",
    "native.verify.ask_kernel": "one program on one side",
    "native.verify.verify_steps": "one program on both sides",
    "sweep.jobs.run_job": "one cell of a sweep",
    "trace.tracepoints.perf.perf_records": "the door of the fuzzers",
}
"""Public names that only tests and fuzzers call, and why they stay."""

OFFERED = {"result.changes.at_event": "rows of the change log behind one event, beside those of an area"}
"""Public names that nothing calls yet: part of a door that is in use."""

_CLICK = ("shell_complete", "list_commands", "get_command", "format_commands", "resolve_command")
"""Methods that click calls."""
_IMPORT = ("create_module", "exec_module")
"""Methods of loaders that an import calls."""
_TEXTUAL = ("compose", "on_", "action_")
"""Beginnings of methods that textual calls, in `browse.app`."""
_BY_NAME = ("handles", "_intrinsic")
"""Decorators that register a function under names of its own."""
_IMPORTED = ("abi.", "report.documents.", "engine.state", "machine.archwords")
"""Modules of numbers in families, and of types: a name of a family may wait for its use."""


def _named(tree: ast.AST) -> Counter[str]:
    """How often each name stands in a tree, definitions apart; words of strings count, docstrings do not."""
    found: Counter[str] = Counter()
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found[node.id] += 1
        elif isinstance(node, ast.Attribute):
            found[node.attr] += 1
        elif isinstance(node, ast.alias):
            found[node.name] += 1
        elif isinstance(node, ast.keyword) and node.arg:
            found[node.arg] += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            found.update(re.findall(r"\w+", node.value))
    return found


@cache
def trees() -> dict[str, ast.Module]:
    return {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in modules().items()}


@cache
def used() -> Counter[str]:
    return sum((_named(tree) for tree in trees().values()), Counter())


def _definitions(tree: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    """Functions, classes and methods; not those that click calls."""
    out: list[ast.FunctionDef | ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            out.append(node)
        if isinstance(node, ast.ClassDef):
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            shown = any(ast.unparse(base).startswith(("App", "ModalScreen")) for base in node.bases)
            called = (*_CLICK, *_IMPORT, *(_TEXTUAL if shown else ()))
            out += [inner for inner in methods if not inner.name.startswith(called)]
    return out


def test_every_function_class_and_method_is_named_somewhere() -> None:
    dead = []
    for module, tree in trees().items():
        for node in _definitions(tree):
            registered = any(ast.unparse(decorator).startswith(_BY_NAME) for decorator in node.decorator_list)
            of_python = node.name.startswith("_") and node.name.endswith("_")
            chosen = node.name.startswith("_") and used()[node.name[1:]]  # getattr(self, f"_{kind}")
            if used()[node.name] or registered or of_python or chosen:
                continue
            if f"{module}.{node.name}" not in {**TESTED_ONLY, **OFFERED}:
                dead.append(f"{module}:{node.lineno} {node.name}")
    assert not dead


def test_what_only_tests_call_is_there_and_called_by_them() -> None:
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("tests", "tools", "benchmarks")
        for path in (PACKAGE.parent / folder).rglob("*.py")
        if path.name != "test_callers.py"
    )
    defined = {f"{module}.{n.name}" for module, tree in trees().items() for n in _definitions(tree)}
    for name in TESTED_ONLY:
        assert name in defined
        assert not used()[name.rpartition(".")[2]], f"{name} is called now: take it off the list"
        assert re.search(rf"\b{name.rpartition('.')[2]}\b", text), name


def test_every_constant_is_used() -> None:
    dead = []
    for module, tree in trees().items():
        if module.startswith(_IMPORTED):
            continue
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            family = len(names) > 1 or any(re.match(r"(?:R|ALIGN|MDWE|INFO|WORD)_", name) for name in names)
            dead += [
                f"{module}:{node.lineno} {n}"
                for n in names
                if used()[n] <= 1 and not family and n[:2] != "__"
            ]
    assert not dead
