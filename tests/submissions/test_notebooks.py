"""A notebook's page says which of its cells were graded, wherever the learner wrote the answer."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from curriculum.models import Exercise
from submissions import notebook_page, services
from submissions.models import Submission
from submissions.verdicts import Verdict
from tests.submissions.conftest import claimed

HTMX = {"HX-Request": "true"}


def notebook(*sources: str, tagged: int = 1) -> bytes:
    """A notebook of code cells, of which one is tagged as the answer."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": ["answer"]} if number == tagged else {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources, 1)
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content).encode()


@pytest.fixture
def notebook_exercise(exercise: Exercise) -> Exercise:
    version = exercise.current_version
    assert version is not None
    version.manifest["kind"] = "notebook"
    version.starter = notebook("def f(): ...", "f()").decode()
    version.save()
    return exercise


def judged(client: Client, exercise: Exercise, data: bytes) -> Submission:
    """Upload, and play a grading in which the notebook ran."""
    upload = SimpleUploadedFile("mine.ipynb", data)
    url = reverse("submit", args=[exercise.slug])
    client.post(url, {"notebook": upload, "tests": "hidden"})
    submission = Submission.objects.latest("submitted_at")
    claim = claimed(submission.latest_run)
    services.record_notebook(claim, [{"output": "", "result": "", "error": None}])
    services.record_verdict(claim, verdict=Verdict.WRONG_ANSWER, score=0, max_score=1)
    return submission


def pages(client: Client, submission: Submission) -> tuple[str, str]:
    """Return the panel, and the notebook in its frame."""
    panel = client.get(submission.get_absolute_url(), headers=HTMX)
    framed = client.get(reverse("run-notebook", args=[submission.pk]))
    return panel.content.decode(), framed.content.decode()


def test_the_page_says_that_a_copy_was_graded(
    signed_in: Client, notebook_exercise: Exercise
) -> None:
    data = notebook("def f(): ...", "f()", "def f():\n    return 'solved'")
    panel, framed = pages(signed_in, judged(signed_in, notebook_exercise, data))
    assert "Graded cells of your notebook: [3]" in " ".join(panel.split())
    before, _, after = framed.partition("This cell was graded.")
    assert "[3]" in before and "solved" in before and "cell--answer" in before
    assert "This cell was graded." not in after


def test_a_notebook_without_its_answer_names_no_cell(
    signed_in: Client, notebook_exercise: Exercise
) -> None:
    data = notebook("1", "2", tagged=0).replace(b"cell-1", b"other")
    panel, framed = pages(signed_in, judged(signed_in, notebook_exercise, data))
    assert "Graded cells" not in panel and "was graded" not in framed


def test_cells_that_take_too_long_to_format_are_shown_as_they_are(
    signed_in: Client, notebook_exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_page, "RENDER_S", 0.0)
    data = notebook("def f(): ...", "x = '<b>'")
    _, framed = pages(signed_in, judged(signed_in, notebook_exercise, data))
    assert framed.count("Too long to format: shown as it is.") == 2
    assert "def f(): ..." in framed and "x = '&lt;b&gt;'" in framed
