"""Address spaces that were written out without a log: maps, smaps, pmap, core files, crash reports."""
