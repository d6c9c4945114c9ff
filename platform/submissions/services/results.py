"""Which run counts: of a submission the newest that is graded, of an exercise the best of those.

Decided here, in the transaction of each verdict, and read everywhere else.
"""

from __future__ import annotations

from django.db.models import Case, IntegerField, Min, QuerySet, Value, When
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise
from submissions.models import GradingRun, Result, Submission
from submissions.states import State
from submissions.verdicts import PASSING


def note_sent(learner: User, exercise: Exercise) -> None:
    """Note that ``learner`` sent something to ``exercise`` just now."""
    Result.objects.update_or_create(
        learner=learner, exercise=exercise, defaults={"sent_at": timezone.now()}
    )


def settle(run: GradingRun) -> None:
    """Have ``run``, graded in this transaction, count as it should; a regrade replaces another."""
    submission = run.submission
    learner, exercise = submission.learner_id, submission.version.exercise_id
    # Verdicts of one learner and exercise wait for each other here.
    result, _ = Result.objects.select_for_update().get_or_create(
        learner_id=learner, exercise_id=exercise
    )
    runs = GradingRun.objects.filter(submission=submission)
    newest = runs.filter(state=State.GRADED).order_by("-created_at", "-pk").values("pk")[:1]
    runs.filter(counts=True).exclude(pk__in=newest).update(counts=False)
    runs.filter(pk__in=newest, counts=False).update(counts=True)
    if submission.tests == Submission.Tests.HIDDEN:
        counting = GradingRun.objects.filter(
            counts=True,
            submission__learner=learner,
            submission__version__exercise=exercise,
            submission__tests=Submission.Tests.HIDDEN,
        )
        result.run = _best_first(counting).first()
        result.solved_at = counting.filter(verdict__in=PASSING).aggregate(at=Min("graded_at"))["at"]
        result.save(update_fields=["run", "solved_at"])


def _best_first(runs: QuerySet[GradingRun]) -> QuerySet[GradingRun]:
    """Those that passed come first, then those with more points, then the earlier ones."""
    passed = Case(When(verdict__in=PASSING, then=Value(1)), default=0, output_field=IntegerField())
    return runs.order_by(passed.desc(), "-score", "graded_at").only("pk")
