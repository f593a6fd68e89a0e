"""One event to one call: the loop, what it is driven by, and the Python in front."""
