"""One file with everything in it: style, code and data, under a policy that lets nothing else in."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Final

from ...printable import printable
from .columns import packed

if TYPE_CHECKING:
    from ..documents.page import Page, Side, Table

SCHEMA: Final = "remaptrace/page/2"

_CODE = ("base.js", "areas.js", "side.js", "start.js")


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _squeezed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def page(
    title: str,
    answer: Sequence[tuple[str, str]],
    text: str,
    *,
    sides: Sequence[Side] = (),
    groups: Sequence[tuple[str, Sequence[int]]] = (),
    tables: Sequence[Table] = (),
) -> str:
    """The page: `answer` are sentences with a style ("good", "bad", "warn", ""), `text` the report for terminals,
    `sides` what `series.side` made of each replay, `groups` which of them share their time and why ("machines",
    "host"; default: none do), `tables` have a title, a head and rows of words.
    """
    title = printable(title)
    kind = "one" if len(sides) == 1 else "several"
    data: Page = {
        "schema": SCHEMA,
        "sides": list(sides),
        "groups": [[word, list(members)] for word, members in groups]
        or [[kind, [i]] for i in range(len(sides))],
        "tables": list(tables),
    }
    style = _asset("uPlot.min.css") + _asset("page.css")
    code = (
        _asset("uPlot.iife.min.js")
        + '"use strict";\n(function () {\n'
        + "".join(map(_asset, _CODE))
        + "})();\n"
    )
    loader = _asset("loader.js")
    policy = (
        f"default-src 'none'; script-src {_hash(loader)} {_hash(code)}; style-src {_hash(style)};"
        " base-uri 'none'; form-action 'none'"
    )
    sentences = "".join(f'<p class="{escape(kind or "plain")}">{escape(words)}</p>' for words, kind in answer)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(title)}</h1>\n<section id="answer" aria-label="answer">{sentences}</section>\n'
        '<div id="lead"></div>\n<div id="sides"></div>\n<div id="tables"></div>\n'
        '<section aria-label="report as text"><h2>The report as text</h2>'
        f'<pre tabindex="0">{escape(text)}</pre></section>\n'
        "</main>\n<footer><p>Made by remaptrace. Charts by uPlot, MIT licence.</p>"
        f"<details><summary>Licence of uPlot</summary><pre>{escape(_asset('uPlot.LICENSE'))}</pre></details></footer>\n"
        f'<script type="application/octet-stream" id="data">{_squeezed(packed(data))}</script>\n'
        f'<script type="application/octet-stream" id="code">{_squeezed(code.encode())}</script>\n'
        f"<script>{loader}</script>\n</body>\n</html>\n"
    )
