"""Who may see which cohort, and who is in it."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.models import User
from courses.models import Cohort, Enrollment


def cohorts_of(reader: User | AnonymousUser) -> QuerySet[Cohort]:
    """Return the cohorts that ``reader`` may see: their own, or all for instructors."""
    if not isinstance(reader, User):
        return Cohort.objects.none()
    return Cohort.objects.all() if reader.is_instructor else reader.cohorts.all()


def learners_of(cohort: Cohort | int) -> QuerySet[Enrollment, int]:
    """Return the keys of the learners of ``cohort`` (or of its key) for another query's filter."""
    learners = Enrollment.objects.filter(cohort=cohort, role=Enrollment.Role.LEARNER)
    return learners.values_list("person_id", flat=True)
