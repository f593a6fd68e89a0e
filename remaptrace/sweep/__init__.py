"""Many traces on many machines: the product, on all cores, as a table that can be resumed."""
