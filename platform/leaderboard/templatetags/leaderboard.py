"""How a ranking's numbers look."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def times(ratio: float) -> str:
    """Put a ratio of times into a word: ``0.87×``."""
    return f"{ratio:.2f}×"
