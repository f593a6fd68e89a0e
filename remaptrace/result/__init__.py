"""What a replay found, and what two replays have different."""
