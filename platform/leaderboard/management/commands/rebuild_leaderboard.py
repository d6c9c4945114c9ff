"""Make all rankings anew from the runs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from leaderboard import services


class Command(BaseCommand):
    """``manage.py rebuild_leaderboard``: after a restored backup, or when a verdict was missed."""

    help = "Make all rankings anew from the runs. Rulings stay."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{services.rebuild()} entries")
