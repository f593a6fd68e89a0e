"""Facts as Markdown."""
