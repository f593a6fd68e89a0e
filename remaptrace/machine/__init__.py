"""What a trace is replayed on: architecture, kernel rules, resources; all of it data."""
