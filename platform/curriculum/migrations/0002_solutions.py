"""Add what learners read once an exercise is solved; ``load_curriculum`` fills it in.

Only adds: code of the version before ignores the columns, which the database fills in.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("curriculum", "0001_initial"),
    ]

    operations = [
        migrations.AddField("exerciseversion", name, models.TextField(blank=True, db_default=""))
        for name in ("model_answer", "commentary_en", "commentary_zh")
    ] + [
        migrations.AddField(
            "exerciseversion", "mistakes", models.JSONField(default=list, db_default=[])
        ),
    ]
