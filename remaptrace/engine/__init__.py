"""The simulated kernel: functions over one flat array, plain Python or compiled by numba."""
