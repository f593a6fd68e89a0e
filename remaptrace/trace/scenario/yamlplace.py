"""Where a value of a YAML document stands: for error messages, so only when one is needed."""

from __future__ import annotations

from typing import Any

from .values import Key
from .yamldoc import parser_of


def locate(text: str, path: tuple[Any, ...]) -> tuple[int, int, str]:
    """Line and column (from 1) of the value at `path`, and the value as the file writes it.

    As far as the path leads: an alias is not followed. The last element may be a `Key`, which means
    the key itself. `text` is one that `load` read.
    """
    walk = _Walk(text)
    start, end = walk.find(path)
    rows = text.splitlines()
    row = rows[start.line] if start.line < len(rows) else ""
    stop = end.column if end.line == start.line else len(row)
    return start.line + 1, start.column + 1, row[start.column : stop].rstrip()


class _Walk:
    """Goes through a document's events along a path."""

    def __init__(self, text: str) -> None:
        import yaml

        self.yaml: Any = yaml
        self.next: Any = parser_of(text).get_event
        self.next(), self.next()  # starts of stream and document

    def find(self, path: tuple[Any, ...]) -> tuple[Any, Any]:
        """Where the value at `path` begins and ends."""
        event = self.next()
        for part in path:
            inner = self.entry(event, part)
            if inner is None:
                return event.start_mark, event.end_mark
            key, value = inner
            if isinstance(part, Key):
                return key.start_mark, key.end_mark
            event = value
        return event.start_mark, self.skip(event)

    def entry(self, event: Any, part: Any) -> tuple[Any, Any] | None:
        """Key and first event of the entry `part` of the collection that began with `event`."""
        if type(event) is self.yaml.MappingStartEvent:
            while type(key := self.next()) is self.yaml.ScalarEvent:
                value = self.next()
                if key.value == str(part):
                    return key, value
                self.skip(value)
        elif type(event) is self.yaml.SequenceStartEvent and isinstance(part, int):
            index = 0
            while type(value := self.next()) is not self.yaml.SequenceEndEvent:
                if index == part:
                    return value, value
                self.skip(value)
                index += 1
        return None

    def skip(self, event: Any) -> Any:
        """Pass the whole value that began with `event`; where it ends."""
        ev = self.yaml
        depth = 0
        while True:
            if type(event) in (ev.MappingStartEvent, ev.SequenceStartEvent):
                depth += 1
            elif type(event) in (ev.MappingEndEvent, ev.SequenceEndEvent):
                depth -= 1
            if depth == 0:
                return event.end_mark
            event = self.next()
