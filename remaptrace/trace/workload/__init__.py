"""What one process of a recording did with its memory, as a scenario that any kernel can be asked."""
