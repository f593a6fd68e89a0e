"""The errors that remaptrace reports. They carry facts; words are made where they are shown."""

from __future__ import annotations

from .lateclasses import dataclass

EXIT_OK, EXIT_FINDINGS, EXIT_USAGE, EXIT_INPUT, EXIT_INTERNAL = 0, 1, 2, 3, 70
EXIT_INTERRUPTED = 130
"""As a shell reports SIGINT."""
KSFT_SKIP = 4
"""What a test of the kernel's selftests ends with that could not be done (tools/testing/selftests/kselftest.h)."""


@dataclass
class RemapTraceError(Exception):
    """Something a user must know. `code` is stable (RTnnn), see ``remaptrace explain``."""

    code: str
    problem: str
    path: str = ""
    line: int = 0
    column: int = 0
    text: str = ""  # the offending source line
    found: str = ""
    expected: str = ""

    exit_status = EXIT_INPUT

    def __str__(self) -> str:
        where = ":".join(str(p) for p in (self.path, self.line, self.column) if p)
        return f"{self.code}: {self.problem}" + (f" ({where})" if where else "")


class InputError(RemapTraceError):
    """An input that cannot be read. Exit 3."""


class UsageError(RemapTraceError):
    """An option or argument that makes no sense. Exit 2."""

    exit_status = EXIT_USAGE


class ReplayError(RemapTraceError):
    """The replay cannot go on (arena full, state broken). Exit 70."""

    exit_status = EXIT_INTERNAL


class TraceRefused(ReplayError):
    """A trace whose tables do not hold together, told before the replay begins. Exit 3."""

    exit_status = EXIT_INPUT
