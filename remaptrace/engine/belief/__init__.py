"""What a log proves without showing it: areas, files, page cache."""
