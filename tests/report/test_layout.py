"""Sheets: columns align, nothing is wider than asked for, nothing is lost where text wraps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.counting import number
from remaptrace.report.layout import SPARKS, Sheet, percent, size, sparkline, squeezed

words = st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=12).map(" ".join)
counts = st.lists(st.integers(0, 70_000), min_size=1, max_size=80)


@given(st.lists(st.tuples(words, st.integers(0, 10**9)), min_size=1, max_size=6), st.integers(40, 120))
def test_a_wrapped_column_keeps_every_word_and_the_width(rows: list[tuple[str, int]], width: int) -> None:
    sheet = Sheet(width)
    sheet.table([[text, number(n)] for text, n in rows], "lr", flexible=0, wrap=True)
    lines = sheet.text().splitlines()
    assert max(map(len, lines)) <= width
    shown = " ".join(lines).split()
    for text, n in rows:
        assert set(text.split()) <= set(shown)
        assert number(n) in shown


@given(st.lists(st.tuples(words, st.integers(0, 10**9)), min_size=1, max_size=6), st.integers(40, 120))
def test_numbers_of_a_column_end_at_the_same_place(rows: list[tuple[str, int]], width: int) -> None:
    sheet = Sheet(width)
    sheet.table([[text, number(n), "x"] for text, n in rows], "lrl", flexible=0)
    assert len({line.rindex("x") for line in sheet.text().splitlines()}) == 1


@given(st.lists(words, min_size=1, max_size=8), st.integers(40, 100))
def test_an_entry_breaks_at_its_dots_and_loses_nothing(parts: list[str], width: int) -> None:
    sheet = Sheet(width)
    sheet.entry("label", [(part if i == 0 else f" · {part}", "") for i, part in enumerate(parts)])
    lines = sheet.text().splitlines()
    assert " ".join(" ".join(lines).split()) == " ".join(("label " + " · ".join(parts)).split())
    assert all(line.startswith(" " * 10) for line in lines[1:])


@given(counts, st.integers(1, 60))
def test_squeezing_keeps_the_highest_value(values: list[int], width: int) -> None:
    squeezed_values = squeezed(values, width)
    assert len(squeezed_values) == min(width, len(values))
    assert max(squeezed_values) == max(values)


@given(counts)
def test_a_sparkline_rises_with_its_values(values: list[int]) -> None:
    line = sparkline(values, max(values))
    assert len(line) == len(values)
    levels = [(" " + SPARKS).index(c) for c in line]
    by_value = sorted(zip(values, levels, strict=True))
    assert [level for _, level in by_value] == sorted(levels)
    assert all((level == 0) == (value == 0) for value, level in by_value)


def test_the_highest_value_is_a_full_block() -> None:
    assert sparkline([0, 1, 35, 70], 70) == " ▁▄█"
    assert sparkline([1000], 1000) == "█"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bytes"),
        (84, "84 bytes"),
        (1024, "1.0 KiB"),
        (57344, "56 KiB"),
        (2752512, "2.6 MiB"),
        (1 << 40, "1.0 TiB"),
    ],
)
def test_sizes(value: int, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("after", "before", "text"),
    [
        (14, 2053, "-99.3 %"),
        (3, 8385, "-99.9 %"),
        (0, 10, "-100 %"),
        (20, 10, "+100 %"),
        (1, 0, "–"),
        (1001, 1000, "+0.1 %"),
    ],
)
def test_changes(after: int, before: int, text: str) -> None:
    assert percent(after, before) == text


@given(words, st.integers(20, 60))
def test_a_title_keeps_every_word_and_the_width(title: str, width: int) -> None:
    """A machine with several settings had a title of 88 columns on a terminal of 80."""
    sheet = Sheet(width)
    sheet.sides([(title, "head"), (" on ", ""), ("linux-6.18 with a=no, b=100407", "head")], "12 events")
    lines = sheet.text().splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == f"{title} on linux-6.18 with a=no, b=100407 12 events"


def test_columns_stand_closer_before_a_table_is_wider_than_the_sheet() -> None:
    rows = [["madvise", "done", "ENOSYS", "1", "ftrace.txt.gz:1517"]]
    wide, narrow = Sheet(60), Sheet(46)
    wide.table(rows, "lllrl")
    narrow.table(rows, "lllrl")
    assert wide.text() == "madvise   done   ENOSYS   1   ftrace.txt.gz:1517\n"
    assert narrow.text() == "madvise  done  ENOSYS  1  ftrace.txt.gz:1517\n"
