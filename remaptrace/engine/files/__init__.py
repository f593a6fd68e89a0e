"""Inodes with their page cache, descriptors, System V segments."""
