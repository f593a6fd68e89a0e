"""The browser of areas."""
