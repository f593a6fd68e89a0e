"""How objects show themselves in a notebook: a small table, everything escaped."""

from __future__ import annotations

from collections.abc import Mapping


def html_table(title: str, rows: Mapping[str, object]) -> str:
    """An HTML table of names and values with a caption."""
    from html import escape

    cells = "".join(
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{cells}</table>"


def one_line(kind: str, rows: Mapping[str, object], longest: int = 200) -> str:
    """``<Trace ls: 218 events, 1 process>``: a repr that fits on a line."""
    text = ", ".join(f"{name} {value}" if name else str(value) for name, value in rows.items())
    whole = f"<{kind}: {text}>"
    return whole if len(whole) <= longest else whole[: longest - 2] + "…>"
