"""How large a page is and how long a browser takes to open it, ``python -m benchmarks.pages [TRACE...]``.

Without a trace: 1,000,000 random calls over about 5,500 areas. Opened five times each in headless chromium, until the
page says that it is ready and has painted; the median. Needs playwright and chromium; measure on a quiet machine.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from remaptrace.trace.stored.columnfile import write_columns

from . import spent
from .engine_side import trace_of
from .workloads import random_mix

_TIMES = 5
_PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def opening(driver: Any, page: Path) -> float:
    """Seconds from the address to the painted page, in a browser of its own."""
    browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_QUIET)
    view = browser.new_page(viewport={"width": 1280, "height": 900})
    begun = time.perf_counter()
    view.goto(page.as_uri())
    while not view.evaluate("window.ready === true"):
        time.sleep(0.01)
    view.evaluate(_PAINTED)
    seconds = time.perf_counter() - begun
    browser.close()
    return seconds


def main() -> int:
    """Make and open the page of each trace."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(dir=spent.folder()) as folder, sync_playwright() as driver:
        traces = sys.argv[1:]
        if not traces:
            mix = Path(folder) / "mix.rtcols"
            write_columns(trace_of(random_mix(1_000_000).rows), mix)
            traces = [str(mix)]
        for trace in traces:
            page = Path(folder) / "page.html"
            command = [sys.executable, "-m", "remaptrace", "run", trace, "-o", str(page)]
            subprocess.run(command, check=False)
            seconds = statistics.median(opening(driver, page) for _ in range(_TIMES))
            sys.stdout.write(f"{trace}: {page.stat().st_size:,} bytes, opens in {seconds:.2f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
