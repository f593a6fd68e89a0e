"""Page faults: which kind one is, and how each kind is served."""
