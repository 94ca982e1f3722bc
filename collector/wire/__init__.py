"""Protocol bytes that several probe kinds share; no I/O."""
