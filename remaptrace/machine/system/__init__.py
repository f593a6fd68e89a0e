"""A machine as a system describes it: its sysctls, its .config, the command line of its kernel."""
