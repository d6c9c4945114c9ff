"""What the site knows of its workers."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """What the site knows of its workers."""

    name = "workers"
