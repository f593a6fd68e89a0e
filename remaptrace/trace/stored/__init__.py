"""A trace as a file of ours: column files, JSON Lines, one table."""
