"""The ReAct loop: thought, action, observation."""

from collections.abc import Callable, Mapping
from typing import Any


def run(
    llm: Callable[[str], str],
    tools: Mapping[str, Callable[[str], object]],
    question: str,
    max_steps: int,
) -> dict[str, Any]:
    """Answer ``question`` by letting ``llm`` call ``tools``, in at most ``max_steps`` completions.

    Returns:
        "answer": the final answer, or None.
        "finished": whether there was a final answer.
        "steps": one dict per completion with "text", "action", "input" and "observation".
    """
    raise NotImplementedError
