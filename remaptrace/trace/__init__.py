"""Reading: files in, `Trace` out."""
