"""Constat as its user runs it, against real servers and real faults."""
