"""What others may hear of."""

from __future__ import annotations

from django.dispatch import Signal

graded = Signal()
"""A run has its verdict, after the commit: ``run``."""
