"""A graded run keeps its lease while its verdict is explained; tests can be "not run"."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0004_outcome_details"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="gradingrun",
            name="run_lease_iff_running",
        ),
        migrations.RemoveConstraint(
            model_name="outcome",
            name="outcome_kind_known",
        ),
        migrations.AlterField(
            model_name="outcome",
            name="kind",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("running", "Running"),
                    ("passed", "Passed"),
                    ("not_run", "Not run"),
                    ("wrong_answer", "Wrong answer"),
                    ("too_slow", "Too slow"),
                    ("runtime_error", "Runtime error"),
                    ("syntax_error", "Syntax error"),
                    ("time_limit", "Time limit"),
                    ("memory_limit", "Memory limit"),
                    ("output_limit", "Output limit"),
                    ("process_limit", "Process limit"),
                    ("protocol_error", "Protocol error"),
                ],
                default="waiting",
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="gradingrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("claim_token__isnull", False),
                        ("lease_expires_at__isnull", False),
                        ("state__in", ["running", "graded"]),
                    ),
                    models.Q(
                        models.Q(("state", "running"), _negated=True),
                        ("claim_token__isnull", True),
                        ("lease_expires_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="run_lease_while_held",
            ),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "waiting",
                            "running",
                            "passed",
                            "not_run",
                            "wrong_answer",
                            "too_slow",
                            "runtime_error",
                            "syntax_error",
                            "time_limit",
                            "memory_limit",
                            "output_limit",
                            "process_limit",
                            "protocol_error",
                        ],
                    )
                ),
                name="outcome_kind_known",
            ),
        ),
    ]
