"""Real servers from Debian packages, started on free ports and stopped by process id."""
