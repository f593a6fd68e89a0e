"""What-if rewriting: passes from Trace to Trace, and the check that accesses are treated the same."""
