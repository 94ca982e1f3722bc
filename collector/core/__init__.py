"""What the numbers mean: pure functions of the journal and the contract."""
