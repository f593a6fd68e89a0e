"""Facts for terminals, by rich."""
