"""Run a trace on the running Linux and compare."""
