"""Colours on a sheet, through rich: ANSI for terminals, SVG and HTML files that keep the picture.

Without colours nothing of this is imported: a sheet is text already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...printable import printable
from ..layout import Sheet

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {
    "good": "green",
    "bad": "red",
    "warn": "yellow",
    "dim": "bright_black",
    "head": "bold",
    "spark": "cyan",
}
"""Each repeats what the words beside it say."""


def _rich_text(sheet: Sheet) -> Text:
    from rich.text import Text

    text = Text(no_wrap=True, end="")
    for line in sheet.lines:
        for span, style in line:
            text.append(span, STYLES.get(style, ""))
        text.append("\n")
    return text


def to_terminal(sheet: Sheet) -> str:
    """The sheet with ANSI colours, in what the terminal can show."""
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=sheet.width, highlight=False, markup=False)
    console.print(_rich_text(sheet), end="", soft_wrap=True)
    return out.getvalue()


def to_svg(sheet: Sheet, title: str) -> str:
    """The sheet as an SVG picture of a terminal; it refers to no font or file outside."""
    import re

    from rich._export_format import CONSOLE_SVG_FORMAT

    local = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return _recorded(sheet).export_svg(title=printable(title), unique_id="remaptrace", code_format=local)


def to_html(sheet: Sheet, title: str) -> str:
    """The sheet as one HTML page without outside references."""
    from html import escape

    from rich.terminal_theme import SVG_EXPORT_THEME

    page = _recorded(sheet).export_html(theme=SVG_EXPORT_THEME, inline_styles=True)
    return page.replace("<head>", f"<head>\n<title>{escape(printable(title))}</title>", 1)


if TYPE_CHECKING:
    from rich.console import Console


def _recorded(sheet: Sheet) -> Console:
    import io

    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        record=True,
        force_terminal=True,
        color_system="truecolor",
        width=sheet.width,
        highlight=False,
        markup=False,
        legacy_windows=False,
    )
    console.print(_rich_text(sheet), end="", soft_wrap=True)
    return console
