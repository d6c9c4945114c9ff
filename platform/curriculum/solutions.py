"""What a learner may read once an exercise is solved: the model answer, common mistakes."""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Solution:
    """``mistakes`` are the hints of known wrong solutions; the commentaries are Markdown, or ""."""

    model_answer: str = ""
    commentary_en: str = ""
    commentary_zh: str = ""
    mistakes: tuple[dict[str, str], ...] = ()


NO_SOLUTION = Solution()


def read_solution(secret: Path) -> Solution:
    """Read ``reference.py``, ``solution.*.md`` and the wrong answers' hints of a secret half.

    A wrong answer without a hint is left out: the proof of the exercise complains of it.
    """
    hints = list[dict[str, str]]()
    for path in sorted(secret.glob("wrong_answer/*.py")):
        with contextlib.suppress(ValueError, SyntaxError):
            hints.append(hint_of(text_of(path), path))
    return Solution(
        model_answer=text_of(secret / "reference.py"),
        commentary_en=text_of(secret / "solution.en.md"),
        commentary_zh=text_of(secret / "solution.zh.md"),
        mistakes=tuple(hints),
    )


def text_of(path: Path) -> str:
    """Return a file's text, nothing when there is no such file."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def hint_of(source: str, path: Path) -> dict[str, str]:
    """Return the hint that a wrong solution's docstring holds: a line ``en: ...``, one ``zh: ...``.

    Raises:
        ValueError: the docstring lacks one of the two.
    """
    hint: dict[str, str] = {}
    language = ""
    for line in (ast.get_docstring(ast.parse(source)) or "").splitlines():
        head, colon, rest = line.partition(":")
        if colon and head.strip() in {"en", "zh"}:
            language = head.strip()
            hint[language] = rest.strip()
        elif language and line.strip():
            joint = " " if language == "en" else ""
            hint[language] += joint + line.strip()
    if set(hint) != {"en", "zh"}:
        raise ValueError(
            f"{path.name}: the docstring must hold the hint as 'en: ...' and 'zh: ...'"
        )
    return hint
