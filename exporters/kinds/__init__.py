"""One way out per file or package, unaware of each other."""
