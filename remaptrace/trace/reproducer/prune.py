"""Helpers that a C program does not use are left out of it."""

from __future__ import annotations

import re

_FUNCTION = re.compile(
    r"^(?:/\*(?:(?!\*/).)*?\*/\n)?"  # its comment
    r"static [a-z][^;{}=]*?\b(\w+)\([^;{}]*\)\n\{\n.*?^\}\n\n?",
    re.MULTILINE | re.DOTALL,
)
_MACRO = re.compile(r"^#define (want_\w+|DO|CALL)\((?:[^\n]*\\\n)*[^\n]*\n", re.MULTILINE)
_VARIABLE = re.compile(
    r"^static [a-z][^\n(),;=]*?\b(\w+)(?:\[[^\n;]*\])?(?: __attribute__[^\n;]*)?;[^\n]*\n", re.MULTILINE
)
_PROTOTYPE = re.compile(r"^static (?![^\n]*__attribute__)[^\n{}=]*\b(\w+)\([^\n{}]*\);[^\n]*\n", re.MULTILINE)


def without_unused(helpers: str, program: str) -> str:
    """`helpers` without the static functions and macros that neither `program` nor another helper names."""
    while True:
        dropped = None
        for pattern in (_FUNCTION, _MACRO, _VARIABLE):
            for found in pattern.finditer(helpers):
                others = helpers[: found.start()] + helpers[found.end() :] + program
                if not re.search(rf"\b{found[1]}\b", _without_prototypes(others)):
                    dropped = found
                    break
            if dropped is not None:
                break
        if dropped is None:
            for found in reversed(list(_PROTOTYPE.finditer(helpers))):
                if not re.search(rf"^static .*\b{found[1]}\([^;]*\)\n\{{", helpers, re.MULTILINE):
                    helpers = helpers[: found.start()] + helpers[found.end() :]
            return re.sub(r"\n{3,}", "\n\n", helpers)
        helpers = helpers[: dropped.start()] + helpers[dropped.end() :]


def _without_prototypes(code: str) -> str:
    return _PROTOTYPE.sub("", code)
