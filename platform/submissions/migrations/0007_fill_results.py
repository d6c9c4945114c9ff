"""Which runs count, and how each learner stands, of what was sent before that was kept."""

from django.db import migrations
from django.db.models import Case, IntegerField, Max, Min, OuterRef, Subquery, Value, When

PASSING = ["accepted", "partially_accepted"]


def fill(apps, schema_editor):
    Run = apps.get_model("submissions", "GradingRun")
    Submission = apps.get_model("submissions", "Submission")
    Result = apps.get_model("submissions", "Result")
    graded = Run.objects.filter(state="graded")
    newest = graded.filter(submission=OuterRef("pk")).order_by("-created_at", "-pk")
    counting = Submission.objects.annotate(newest=Subquery(newest.values("pk")[:1]))
    Run.objects.filter(pk__in=counting.values("newest")).update(counts=True)

    passed = Case(When(verdict__in=PASSING, then=Value(1)), default=0, output_field=IntegerField())
    sent = Submission.objects.order_by().values_list("learner", "version__exercise")
    for learner, exercise, sent_at in sent.annotate(Max("submitted_at")).iterator():
        runs = Run.objects.filter(
            counts=True,
            submission__learner=learner,
            submission__version__exercise=exercise,
            submission__tests="hidden",
        )
        best = runs.order_by(passed.desc(), "-score", "graded_at").values_list("pk", flat=True)
        solved = runs.filter(verdict__in=PASSING).aggregate(at=Min("graded_at"))
        Result.objects.create(
            learner_id=learner,
            exercise_id=exercise,
            sent_at=sent_at,
            run_id=best.first(),
            solved_at=solved["at"],
        )


class Migration(migrations.Migration):
    dependencies = [("submissions", "0006_results")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
