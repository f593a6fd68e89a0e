"""Commands of the laboratory: other kernels on the other side."""
