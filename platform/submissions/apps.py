"""A learner's code: the row, the state machine, the verdict, the live page."""

from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    """A learner's code: the row, the state machine, the verdict, the live page."""

    name = "submissions"
