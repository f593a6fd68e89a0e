"""Facts as lines of words, for pipes."""
