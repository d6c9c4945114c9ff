"""What a form posted, as the source of a submission."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from accounts.models import User
from curriculum import notebooks
from curriculum.languages import pick
from curriculum.models import Exercise
from submissions import errors, quizzes
from submissions.models import Submission
from submissions.requests import Request


def source(request: Request, exercise: Exercise, learner: User) -> tuple[str, str]:
    """Return the source and its kind, out of the form that this kind of exercise has.

    Raises:
        SubmissionError: there is nothing in it that could be graded.
    """
    version = exercise.current_version
    assert version is not None
    if version.kind == "quiz":
        return quizzes.source(version, request.POST), Submission.SourceKind.QUIZ
    if version.kind == "notebook":
        upload = request.FILES.get("notebook")
        if upload:
            return _notebook(upload), Submission.SourceKind.NOTEBOOK
        last = last_notebook(exercise, learner)
        if last is None:
            raise errors.NotebookMissing
        return last.source, Submission.SourceKind.NOTEBOOK
    return lines(request.POST.get("source", "")), Submission.SourceKind.PYTHON


def last_notebook(exercise: Exercise, learner: User) -> Submission | None:
    """Return what is sent again without a file: who submits what they ran needn't choose twice."""
    rows = Submission.objects.filter(learner=learner, version__exercise=exercise)
    return rows.filter(source_kind=Submission.SourceKind.NOTEBOOK).first()


def lines(text: str) -> str:
    """Undo what HTML forms do to line ends, so that the draft equals what was typed."""
    return text.replace("\r\n", "\n")


def sign_in_first(exercise: Exercise) -> str:
    """Say to a guest who pressed a button what becomes of what is in the form."""
    version = exercise.current_version
    assert version is not None
    if version.kind == "quiz":
        return _("Sign in to have your answers checked. They are kept on this device.")
    if version.kind == "notebook":
        return _("Sign in to run your notebook, then choose the file again.")
    return _("Sign in to run your code. What you typed is kept on this device.")


def _notebook(upload: UploadedFile[Any]) -> str:
    try:
        # One byte over the limit is enough to see that it is too large.
        return notebooks.read(upload.read(notebooks.MAX_RAW_BYTES + 1))
    except notebooks.NotebookError as error:
        raise errors.NotebookUnusable(pick(error.text.document())) from error
