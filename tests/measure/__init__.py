"""Tests of the measuring: what is due when, how often we may ask, and what one run comes to."""
