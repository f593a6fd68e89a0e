"""Fuzzing of all that strangers' files reach: what is mutated, from what, and what is held against it."""
