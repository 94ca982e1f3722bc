"""Measure what the contract promises, and keep what was seen."""
