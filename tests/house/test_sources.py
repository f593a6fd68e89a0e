"""Every section of docs/kernel that code cites exists, and every section says where its facts come from."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from .imports import PACKAGE

ROOT = PACKAGE.parent
PAGES = ROOT / "docs" / "kernel"
_NAMES = r"linux-6\.x|linux-2\.6\.21|linux-more|rfp-prot|pte-layouts"
_NUMBER = r"\d+(?:\.\d+)?"
_CITATION = re.compile(
    rf"(?<![\w/.-])({_NAMES}) ({_NUMBER}(?:(?:, (?:{_NUMBER})(?![\w:])| and {_NUMBER}| to {_NUMBER})(?![\w.]\d))*)"
)
_HEADING = re.compile(r"^##+ (\d+(?:\.\d+)?)\.? (.*)$", re.M)


def sections() -> dict[str, set[str]]:
    return {
        p.stem: {n for n, _ in _HEADING.findall(p.read_text(encoding="utf-8"))} for p in PAGES.glob("*.md")
    }


def citations() -> list[tuple[Path, str, str]]:
    """File, page and section of every citation in code, tests and documents."""
    found = []
    for folder, pattern in (("remaptrace", "*.py"), ("tests", "*.py"), ("docs", "*.md")):
        for path in sorted((ROOT / folder).rglob(pattern)):
            text = re.sub(r"\s*\n\s*#?\s*", " ", path.read_text(encoding="utf-8"))
            for page, numbers in _CITATION.findall(text):
                found += [(path, page, number) for number in re.findall(_NUMBER, numbers)]
    return found


def test_cited_sections_exist() -> None:
    known = sections()
    found = citations()
    assert len(found) > 40
    missing = [f"{path.relative_to(ROOT)}: {page} {n}" for path, page, n in found if n not in known[page]]
    assert not missing, "\n".join(missing)


def test_no_code_cites_a_paper_that_is_not_here() -> None:
    lost = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in sorted((ROOT / "remaptrace").rglob("*.py"))
        for text in re.findall(
            r".*\bfacts (?:files?|for|on)\b.*|.*(?<![\w.-])(?:6\.x|2\.6\.21) \d+\.\d+.*",
            path.read_text(encoding="utf-8"),
        )
        if not re.search(_NAMES, text)
    ]
    assert not lost, "\n".join(lost)


def test_each_section_names_file_and_function_or_what_was_observed() -> None:
    for path in PAGES.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        starts = [m.start() for m in _HEADING.finditer(text)] + [len(text)]
        for begin, end in pairwise(starts):
            heading = text[begin : text.index("\n", begin)]
            if re.match(r"## \d", heading):  # a chapter: its sections say it
                continue
            assert re.search(r"\[[^\]]+\]|Kernel: |K21|K24|K610|M0\d|\.[ch]\b", text[begin:end]), (
                f"{path.name}: {heading}"
            )


def test_the_table_of_pages_is_complete() -> None:
    listed = set(re.findall(r"\]\((\S+\.md)\)", (PAGES / "README.md").read_text(encoding="utf-8")))
    assert listed == {p.name for p in PAGES.glob("*.md")} - {"README.md"}
