"""What every output shows, as plain data: the JSON schemas."""
