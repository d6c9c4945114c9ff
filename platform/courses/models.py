"""Who learns together."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Cohort(models.Model):
    """People who take the course together, as a university's class of one term."""

    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Enrollment", related_name="cohorts"
    )

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Enrollment(models.Model):
    """One person's part in a cohort; only learners are ranked in it."""

    class Role(models.TextChoices):
        """What a person does in a cohort."""

        LEARNER = "learner", _("Learner")
        ASSISTANT = "assistant", _("Assistant")
        INSTRUCTOR = "instructor", _("Instructor")

    cohort = models.ForeignKey(Cohort, models.CASCADE)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.LEARNER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cohort", "person"], name="enrollment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}/{self.cohort_id}"
