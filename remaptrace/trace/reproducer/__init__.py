"""A trace as one C file that asks the kernel in front of it, and says in KTAP what came back."""
