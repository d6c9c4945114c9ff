"""What the learner's code may reach in the grader: nothing, unless an author exposes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exposed:
    """An object of the grader of which the learner may call the named ``methods``, and no more."""

    target: Any
    methods: frozenset[str]


def expose(target: Any, *methods: str) -> Exposed:
    """Let the learner call ``methods`` of ``target``, for example a scripted LLM's ``complete``.

    ``"__call__"`` makes the object itself callable.

    Raises:
        ValueError: no method is named, or ``target`` lacks one of them.
    """
    if not methods:
        raise ValueError("expose() needs the names of the methods that the learner may call")
    missing = [name for name in methods if not callable(getattr(target, name, None))]
    if missing:
        raise ValueError(f"{type(target).__name__} has no method {', '.join(missing)}")
    return Exposed(target, frozenset(methods))
