"""Grading against running the same tests by hand: ``make bench``."""
