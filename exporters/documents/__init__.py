"""What leaves the house: figures put into words, tables and the machine-readable account."""
