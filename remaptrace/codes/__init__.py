"""What `remaptrace explain CODE` says about each error code."""
