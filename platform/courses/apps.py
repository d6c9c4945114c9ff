"""Who learns together."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    """Who learns together."""

    name = "courses"
