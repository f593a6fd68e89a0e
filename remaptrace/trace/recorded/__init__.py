"""Sets: a recording with map files, map counts and a second recorder beside it."""
