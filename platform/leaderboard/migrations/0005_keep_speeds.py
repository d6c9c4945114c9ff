"""What made a ranking so far was measured exactly, with the verdict: such speeds stay."""

from django.db import migrations


def keep_speeds(apps, schema_editor):
    measurement = apps.get_model("leaderboard", "Measurement")
    entries = apps.get_model("leaderboard", "Entry").objects.filter(ratio__isnull=False)
    kept = (
        measurement(
            run_id=entry.run_id,
            state="measured",
            measured_at=entry.measured_at,
            ratio=entry.ratio,
            ratio_low=entry.ratio_low,
            ratio_high=entry.ratio_high,
        )
        for entry in entries.iterator(1000)
    )
    measurement.objects.bulk_create(kept, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [("leaderboard", "0004_measurements")]

    operations = [migrations.RunPython(keep_speeds, migrations.RunPython.noop)]
