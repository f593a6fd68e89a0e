"""A number that has a name has one home; rules that exist are read; nothing points at what is not there."""

from __future__ import annotations

import ast
import re

from remaptrace.trace.symbols import SYMBOLS

from .imports import PACKAGE, modules

OTHER_MEANINGS = {
    "COMPILED_FROM": "sizes from which two readers pay, each its own",
    "FD_CLOEXEC": "the flag in abi.fcntl; the word of a descriptor's row in engine.state",
    "LIMIT": "of trees, of guards",
    "NODE_SIZE": "of two trees that are measured",
    "O_APPEND": "the flag of open; a word of an open file in engine.state",
    "OP_FAULT": "operations of two byte machines",
    "PAGE": "4 KiB, where programs for the running kernel are written",
    "SHM_DEST": "a bit of a segment's mode; a word of a segment in engine.files",
    "TYPE_CHECKING": "of modules that do not load `typing` for it",
    "T_FILES": "words of two kinds of rows",
    "VERSION": "of two file formats",
    "ZERO": "a word of a plan; a character",
}
"""Names that two modules give to different things."""


def _constants() -> dict[str, dict[str, int]]:
    """Public integer constants by name: which modules define them, and as what."""
    out: dict[str, dict[str, int]] = {}
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            target = node.targets[0]
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for name, value in zip(names, values, strict=False):
                if isinstance(name, ast.Name) and name.id.isupper():
                    known = _number(value)
                    if known is not None:
                        out.setdefault(name.id, {})[module] = known
    return out


def _number(node: ast.expr) -> int | None:
    try:
        value = eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})
    except (NameError, TypeError, SyntaxError):
        return None
    return value if isinstance(value, int) else None


def test_a_constant_has_one_home() -> None:
    twice = {
        name: homes
        for name, homes in _constants().items()
        if len(homes) > 1 and not name.startswith("_") and name not in OTHER_MEANINGS
    }
    assert not twice


def test_no_module_keeps_a_private_copy_of_a_shared_number() -> None:
    constants = _constants()
    shared = {n: v for n, homes in constants.items() for m, v in homes.items() if m.startswith("abi.")}
    copies = {
        name: homes
        for name, homes in constants.items()
        if name.startswith("_") and shared.get(name[1:]) in homes.values()
    }
    assert not copies


def test_words_of_event_rows_are_read_by_their_names() -> None:
    literal = re.compile(r"\b(?:ev|changed)\[\w+(?: \+ \d+)?\]")
    found = {
        f"{module}: {match[0]}"
        for module, path in modules().items()
        for match in literal.finditer(path.read_text(encoding="utf-8"))
        if module.startswith("engine.") and not match[0].endswith("+ i]")
    }
    assert not found


def test_abi_imports_nothing_but_its_neighbours() -> None:
    for path in (PACKAGE / "abi").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                raise AssertionError(f"{path.name} imports {node.names[0].name}")
            if isinstance(node, ast.ImportFrom):
                plain = (node.level, node.module) in ((0, "__future__"), (0, "typing"), (2, "lateclasses"))
                assert plain or node.level == 1, path.name


def test_every_rule_is_read_by_some_code() -> None:
    from remaptrace.machine.rules import RULES

    homes = ("machine.limitrules", "machine.callrules", "machine.rules")
    text = "\n".join(p.read_text(encoding="utf-8") for module, p in modules().items() if module not in homes)
    words = set(re.findall(r"\w+", text))
    source = "\n".join(modules()[home].read_text(encoding="utf-8") for home in homes)
    names = dict(re.findall(r"^(R_\w+) = (?:rule|choice)\(\s*\"(\w+)\"", source, re.M))
    assert set(names.values()) == set(RULES)
    unread = [rule for constant, rule in names.items() if constant not in words and f'"{rule}"' not in text]
    assert not unread


def test_the_rules_that_stored_traces_name_keep_their_numbers() -> None:
    """The argument of a sysctl event, in JSON Lines and column files, is the number of a rule."""
    from remaptrace.machine.rules import RULES
    from remaptrace.trace.scenario.steps import SYSCTLS

    assert {rule: RULES[rule].index for rule in SYSCTLS.values()} == {
        "max_map_count": 0,
        "overcommit_memory": 1,
        "overcommit_ratio": 2,
        "mmap_min_addr": 5,
        "legacy_va_layout": 11,
        "thp_enabled": 13,
        "nr_hugepages": 14,
        "nr_overcommit_hugepages": 15,
        "unprivileged_userfaultfd": 23,
        "thp_shmem_enabled": 24,
    }


def test_numbers_that_the_kernel_names_stand_in_abi() -> None:
    """MAP_*, PROT_*, SHM_* and the like: whatever recorders print by name."""
    spelled = {name for name in SYMBOLS if "_" in name}
    elsewhere = {
        name: homes
        for name, homes in _constants().items()
        if name in spelled and name not in OTHER_MEANINGS and any(not m.startswith("abi.") for m in homes)
    }
    assert not elsewhere
