"""What of a run is work: ``python -m benchmarks.parts LOG [KEY=VALUE...]`` prints seconds of processors as JSON.

`parse` and `replay`: the two calls of the library; `lex`, `follow`, `loop`: the machine code inside them.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

_NAMES = {"stracelex.lex_lines": "lex", "stracefollow.follow": "follow", "run.loop.replay": "loop"}


def _timed(spent: Counter[str]) -> None:
    """Let every call of machine code add its thread's time to `spent`."""
    from remaptrace.machinecode.load import Function

    plain: Callable[..., int] = Function.with_words

    def call(self: Any, words: list[int]) -> int:
        began = time.thread_time()
        answer = plain(self, words)
        spent[_NAMES.get(self._name, "other")] += time.thread_time() - began
        return answer

    Function.with_words = call  # type: ignore[method-assign]


def main() -> None:
    """Read, replay, print."""
    import remaptrace
    from remaptrace.api import machine_of

    path, *settings = sys.argv[1:]
    spent: Counter[str] = Counter()
    _timed(spent)
    began = time.process_time()
    trace = remaptrace.load(path)
    parsed = time.process_time()
    remaptrace.replay(trace, machine_of(trace, None, None, dict(s.split("=", 1) for s in settings)))
    done = time.process_time()
    print(json.dumps({**spent, "parse": parsed - began, "replay": done - parsed}))


if __name__ == "__main__":
    main()
