"""Scenarios in YAML: read, checked, built into a Trace, and written."""
