"""What more than one page asks of the runs."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from accounts.models import User
from curriculum import notebooks
from curriculum.models import Exercise
from submissions.models import GradingRun, Submission
from submissions.states import State
from workers.services import gpu_at_work

HISTORY_LENGTH = 100


def history(learner: User, exercise: Exercise) -> QuerySet[Submission]:
    """Return the last submissions of one exercise, newest first."""
    found = _listed(learner).filter(version__exercise=exercise)
    return found.only("tests", "submitted_at")[:HISTORY_LENGTH]


def whole_history(learner: User) -> QuerySet[Submission]:
    """Return all submissions with their exercises, newest first."""
    found = _listed(learner).select_related("version__exercise")
    return found.only("tests", "submitted_at", "version__manifest", "version__exercise__slug")


def _listed(learner: User) -> QuerySet[Submission]:
    """Without what a list doesn't show: code, outputs and notebooks are read where one of them is
    looked at."""
    runs = GradingRun.objects.only(
        *("submission", "created_at", "state", "verdict", "score", "max_score")
    )
    found = Submission.objects.filter(learner=learner).exclude(tests=Submission.Tests.TRY)
    return found.prefetch_related(Prefetch("runs", runs))


def queue_position(run: GradingRun) -> int | None:
    """Return a waiting run's place in its queue, from 1; None when it doesn't wait."""
    if run.state != State.QUEUED:
        return None
    waiting = GradingRun.objects.filter(state=State.QUEUED, queue=run.queue)
    return waiting.filter(queued_at__lt=run.queued_at).count() + 1


def somebody_waits(queue: str, seconds: float) -> bool:
    """Return whether a run has waited in ``queue`` for so long: then no worker was free."""
    before = timezone.now() - timedelta(seconds=seconds)
    waiting = GradingRun.objects.filter(state=State.QUEUED, queue=queue)
    return waiting.filter(queued_at__lt=before).exists()


def lacks_gpu(run: GradingRun) -> bool:
    """Return whether a run waits for a GPU while no worker has one."""
    return run.state == State.QUEUED and run.queue == "gpu" and not gpu_at_work()


def graded_cells(submission: Submission) -> list[int]:
    """Return which of a notebook's code cells, from 1, were taken for the answers."""
    if submission.source_kind != Submission.SourceKind.NOTEBOOK:
        return []
    try:
        found = notebooks.answers(submission.source, submission.version.starter)
    except notebooks.NotebookError:  # the verdict says which cell is missing
        return []
    return sorted({answer.number for answer in found})
