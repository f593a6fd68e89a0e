"""Calls on descriptors and files."""
