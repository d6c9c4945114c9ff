"""Read-only rankings of what runs earned."""

from django.apps import AppConfig


class LeaderboardConfig(AppConfig):
    """Read-only rankings of what runs earned."""

    name = "leaderboard"

    def ready(self) -> None:
        """Hear of each verdict."""
        from leaderboard import services
        from submissions.signals import graded

        graded.connect(services.on_graded, dispatch_uid="leaderboard")
