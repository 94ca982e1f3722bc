"""Tests of the made-up period."""
