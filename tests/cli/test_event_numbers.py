"""`--at` takes the number of an event as reports print it."""

from __future__ import annotations

import click
import pytest

from remaptrace.cli.options import EventNumber


def test_thousands_may_be_separated_as_printed() -> None:
    assert [EventNumber().convert(text, None, None) for text in ("6036", "6,036", "0")] == [6036, 6036, 0]


@pytest.mark.parametrize("text", ["6,03", "a", "", "1,2345", "²", "9" * 4400])
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        EventNumber().convert(text, None, None)
