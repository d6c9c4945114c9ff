"""The learner's module as the grader sees it: proxies, and callbacks the other way."""

from grading.remote.exposure import expose

__all__ = ["expose"]
