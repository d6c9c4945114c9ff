"""What is read out of a secret half for those who have solved its exercise."""

from __future__ import annotations

from pathlib import Path

import pytest

from curriculum.solutions import NO_SOLUTION, Solution, read_solution

WRONG = '"""en: Adds twice.\nzh: 加了两次。\n"""\n\n\ndef add(a, b):\n    return a + b + b\n'


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "wrong_answer").mkdir()
    (tmp_path / "reference.py").write_text("def add(a, b):\n    return a + b\n", "utf-8")
    (tmp_path / "wrong_answer" / "twice.py").write_text(WRONG, "utf-8")
    (tmp_path / "solution.zh.md").write_text("加法可交换。\n", "utf-8")
    return tmp_path


def test_the_model_answer_the_commentary_and_the_hints_are_read(secret: Path) -> None:
    assert read_solution(secret) == Solution(
        model_answer="def add(a, b):\n    return a + b\n",
        commentary_zh="加法可交换。\n",
        mistakes=({"en": "Adds twice.", "zh": "加了两次。"},),
    )


@pytest.mark.parametrize("text", ["def add(a, b): ...\n", '"""en: Only."""\n', "def ("])
def test_a_mistake_without_a_hint_is_left_out(secret: Path, text: str) -> None:
    (secret / "wrong_answer" / "silent.py").write_text(text, "utf-8")
    assert len(read_solution(secret).mistakes) == 1


def test_a_quiz_has_no_model_answer(tmp_path: Path) -> None:
    assert read_solution(tmp_path) == NO_SOLUTION
