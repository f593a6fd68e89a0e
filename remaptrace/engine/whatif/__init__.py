"""What-if passes over a recording, compiled: areas as they were asked for, and what stands for the calls on them."""
