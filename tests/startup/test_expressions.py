"""Regular expressions that an earlier process compiled are those that `re` compiles."""

from __future__ import annotations

import marshal
import re
from pathlib import Path

import pytest

from remaptrace import patterns
from remaptrace.startup import expressions

from .test_command import done, home  # noqa: F401

_TEXTS = ["", "mmap(NULL, 4096) = 0x7f", "x" * 40 + "\n\u00e9-12", "  a: 0x10\n- b: [1, 2]\n", "LINUX-6.18 k"]
_SOURCES: list[tuple[str | bytes, int]] = [
    (r"(?P<name>\w+)\((.*?)\)\s*=\s*(?P<end>-?\w+)", 0),
    (r"^(\s*)([a-z]):", re.MULTILINE),
    (r"linux-(\d+)(?:\.(\d+))?", re.IGNORECASE),
    (r"[^\x00-\x7f]|(?<=x)\n", re.DOTALL),
    (rb"\xff|mm?ap(?=\()", 0),
    (r"(?i:L)inux|(a)|(?P<b>b)(?(b)c|d)", re.VERBOSE | re.ASCII),
]


@pytest.mark.parametrize("key", _SOURCES)
def test_what_is_kept_of_an_expression_makes_the_same(key: tuple[str | bytes, int]) -> None:
    source, flags = key
    plain = re.compile(source, flags)
    again = expressions.made((source, int(flags)), expressions.kept((source, int(flags))))
    assert again == plain
    assert again is not None
    assert (again.flags, again.groups, again.groupindex) == (plain.flags, plain.groups, plain.groupindex)
    for text in _TEXTS:
        words = text.encode() if isinstance(source, bytes) else text
        assert [m.span(i) for m in again.finditer(words) for i in range(m.re.groups + 1)] == [  # type: ignore[call-overload]
            m.span(i)
            for m in plain.finditer(words)
            for i in range(m.re.groups + 1)  # type: ignore[call-overload]
        ]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", marshal.dumps(()), marshal.dumps((32, [1, 2, 3], 0, {}, (None,))), marshal.dumps(7)],
)
def test_a_damaged_one_is_compiled_anew(data: bytes) -> None:
    assert expressions.made(("a+", 0), data) is None


def test_the_numbers_of_flags_are_those_of_re() -> None:
    assert (patterns.IGNORECASE, patterns.MULTILINE) == (re.IGNORECASE, re.MULTILINE)


def test_an_expression_that_an_earlier_command_compiled_is_not_compiled(home: Path) -> None:  # noqa: F811
    code = (
        "import sys\nfrom remaptrace import cli, patterns\n"
        "cli._leave = lambda status: print(len(patterns.unknown), file=sys.stderr)\n"
        "sys.path = [path for path in sys.path if path]\ncli.main()\n"
    )
    assert int(done(home, "-c", code, "run", "t.yaml").stderr) > 0
    for _ in range(2):
        assert done(home, "-m", "remaptrace", "run", "t.yaml").returncode == 0
    assert int(done(home, "-c", code, "run", "t.yaml").stderr) == 0
    (home / "t.log").write_text(
        "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
    )
    assert int(done(home, "-c", code, "run", "t.log").stderr) > 0
    for _ in range(2):
        assert done(home, "-m", "remaptrace", "run", "t.log").returncode == 0
    assert int(done(home, "-c", code, "run", "t.log").stderr) == 0
