"""Man pages and completions are made from the help whenever the package is built; all else is in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent


def make_pages() -> None:
    """Write them to share/, from where they are packed; a source archive brings them and not what makes them."""
    if not (HERE / "tools" / "manpages.py").is_file():
        return
    if find_spec("click") is None:  # built without isolation
        sys.stderr.write("man pages and completions are made with click, which is not here: left out\n")
        return
    subprocess.run([sys.executable, "-m", "tools.manpages", "share"], cwd=HERE, stdout=sys.stderr, check=True)


make_pages()
setup()
