"""Tasks and their address spaces: making, copying, replacing and ending them."""
