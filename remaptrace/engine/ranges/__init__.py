"""What is done to all PTEs of a range, or to all PTEs of a page."""
