"""Add ``Submission.probe`` and what goes with it: tests "try", verdict "ran". Old rows have none.

Only adds: code of the version before ignores the column, which the database fills in.
"""

from django.db import migrations, models

VERDICTS = [
    ("accepted", "Accepted"),
    ("partially_accepted", "Partially accepted"),
    ("wrong_answer", "Wrong answer"),
    ("too_slow", "Too slow"),
    ("runtime_error", "Runtime error"),
    ("syntax_error", "Syntax error"),
    ("time_limit", "Time limit"),
    ("memory_limit", "Memory limit"),
    ("output_limit", "Output limit"),
    ("process_limit", "Process limit"),
    ("protocol_error", "Protocol error"),
    ("ran", "Ran"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0002_seed"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="gradingrun", name="run_verdict_known"),
        migrations.AddField(
            model_name="submission",
            name="probe",
            field=models.TextField(blank=True, db_default=""),
        ),
        migrations.AlterField(
            model_name="gradingrun",
            name="verdict",
            field=models.CharField(blank=True, choices=VERDICTS, max_length=20),
        ),
        migrations.AlterField(
            model_name="submission",
            name="tests",
            field=models.CharField(
                choices=[("visible", "Visible"), ("hidden", "Hidden"), ("try", "Try")],
                max_length=7,
            ),
        ),
        migrations.AddConstraint(
            model_name="gradingrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("verdict__in", ["", *[name for name, _ in VERDICTS]])),
                name="run_verdict_known",
            ),
        ),
    ]
