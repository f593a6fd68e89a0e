"""Scenarios in YAML: read, checked, built into a Trace, and written."""

ANSWERS_OF = "answers of Linux "
"""How `about` begins of a scenario that holds the answers of a kernel (`answered`)."""
