"""Who imports whom, read from the syntax trees of the package."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "remaptrace"
TOP = PACKAGE.name


def module_name(path: Path) -> str:
    """``engine.run.loop`` of the file; the package itself is ``remaptrace``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or TOP


@lru_cache(maxsize=1)
def modules() -> dict[str, Path]:
    return {module_name(p): p for p in sorted(PACKAGE.rglob("*.py")) if "_jitted" not in p.parts}


@lru_cache(maxsize=1)
def imports() -> dict[str, dict[str, int]]:
    """For each module what it imports of this package, and at which line; not under TYPE_CHECKING."""
    out: dict[str, dict[str, int]] = {}
    for name, path in modules().items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for_types = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for inner in ast.walk(node)
        }
        package = path.relative_to(PACKAGE).parts[:-1]
        out[name] = {}
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.level or id(node) in for_types:
                continue
            base = ".".join([*package[: len(package) + 1 - node.level], *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                target = inner if inner in modules() else base or TOP
                if target != name and alias.name != "__version__":
                    out[name][target] = node.lineno
    return out
