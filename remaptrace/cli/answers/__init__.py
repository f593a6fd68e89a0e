"""What a command answers for another kind of input or output: maps alone, two recordings, callers, pages."""
