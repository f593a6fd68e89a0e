"""Pure functions from a Result or a Diff to text."""
