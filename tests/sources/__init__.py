"""Sources, one file each, against the demonstration provider."""
