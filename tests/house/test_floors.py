"""The floors that docs/architecture.md draws are those that the imports have."""

from __future__ import annotations

import re

from .imports import PACKAGE, imports, modules

_ROW = re.compile(r"^\| (\d+) \| ((?:`[\w./]+` ?)+)\|", re.M)
_MOST_MODULES = 20
_MOST_LINES = 430


def floors() -> dict[str, int]:
    """Floor of each room or module that the table names, dotted."""
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    return {
        name.replace("/", "."): int(number)
        for number, names in _ROW.findall(text)
        for name in re.findall(r"`([\w./]+)`", names)
    }


def place(module: str, table: dict[str, int]) -> tuple[int, str]:
    """Floor and room of a module: the most specific entry of the table."""
    name = module.removeprefix("__main__") or "cli"
    while name not in table:
        name, dot, _ = name.rpartition(".")
        assert dot, f"docs/architecture.md has no floor for {module}"
    return table[name], modules()[module].relative_to(PACKAGE).parts[0]


def test_every_entry_of_the_table_exists() -> None:
    for name in floors():
        assert name in modules(), name


def test_no_module_imports_upward() -> None:
    table = floors()
    wrong = []
    for module, targets in imports().items():
        floor, room = place(module, table)
        for target, line in targets.items():
            below, other = place(target, table)
            if below > floor or (below == floor and room != other):
                wrong.append(f"{module}:{line} (floor {floor}) imports {target} (floor {below})")
    assert not wrong, "\n".join(wrong)


def test_no_circle_of_imports() -> None:
    graph = {module: list(targets) for module, targets in imports().items()}
    done: set[str] = set()
    for start, targets in graph.items():
        stack, path = [(start, iter(targets))], [start]
        while stack and start not in done:
            module, rest = stack[-1]
            target = next((t for t in rest if t not in done), None)
            if target is None:
                done.add(module)
                stack.pop()
                path.pop()
            else:
                assert target not in path, " -> ".join([*path[path.index(target) :], target])
                stack.append((target, iter(graph[target])))
                path.append(target)


def test_no_folder_has_more_modules_than_a_glance_takes_in() -> None:
    counts = {
        folder: sum(p.name != "__init__.py" for p in folder.glob("*.py"))
        for folder in {path.parent for path in modules().values()}
    }
    crowded = {str(folder.relative_to(PACKAGE)): n for folder, n in counts.items() if n > _MOST_MODULES}
    assert not crowded


def test_files_keep_to_one_subject() -> None:
    long = {
        m: n for m, p in modules().items() if (n := p.read_text(encoding="utf-8").count("\n")) > _MOST_LINES
    }
    assert not long


def test_the_table_covers_every_module() -> None:
    table = floors()
    assert all(place(module, table)[0] >= 0 for module in modules())


def test_every_module_that_the_document_names_exists() -> None:
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = {str(path.relative_to(PACKAGE)) for path in modules().values()}
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    assert named
    missing = [n for n in named if not any(f"/{p}".endswith(f"/{n}") for p in paths)]
    assert not [n for n in missing if not n.startswith("tests/")]
