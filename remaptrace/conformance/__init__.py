"""The conformance programs: small programs of memory calls, each with the answers of a real kernel."""
