"""The SQLite cache of what the journal says; delete it and it comes back."""
