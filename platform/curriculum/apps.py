"""Stages, topics, exercises and their versions."""

from django.apps import AppConfig


class CurriculumConfig(AppConfig):
    """Stages, topics, exercises and their versions."""

    name = "curriculum"
