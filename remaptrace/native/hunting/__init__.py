"""What two sides answer differently: every disagreement by kind, each with its smallest program."""
