"""Speeds for rankings are measured after the verdict, in rows of their own."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leaderboard", "0003_measured_at"),
        ("submissions", "0007_fill_results"),
    ]

    operations = [
        migrations.CreateModel(
            name="Measurement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Being measured"),
                            ("measured", "Measured"),
                            ("differed", "Differed"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("next_try_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("measured_at", models.DateTimeField(blank=True, null=True)),
                ("ratio", models.FloatField(blank=True, null=True)),
                ("ratio_low", models.FloatField(blank=True, null=True)),
                ("ratio_high", models.FloatField(blank=True, null=True)),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="submissions.gradingrun",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "pending")),
                        fields=["next_try_at"],
                        name="measurement_due",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("measured_at__isnull", False),
                                ("ratio__lte", models.F("ratio_high")),
                                ("ratio_low__gt", 0),
                                ("ratio_low__lte", models.F("ratio")),
                                ("state", "measured"),
                            ),
                            models.Q(
                                models.Q(("state", "measured"), _negated=True),
                                ("ratio__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="measurement_interval_iff_measured",
                    )
                ],
            },
        ),
    ]
