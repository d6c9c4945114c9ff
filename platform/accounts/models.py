"""People."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

INSTRUCTORS = "instructors"
"""The group whose members see what instructors see."""


class User(AbstractUser):
    """A person who signs in; everybody is a learner, some are instructors or staff besides."""

    LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]

    display_name = models.CharField(_("display name"), max_length=80, blank=True)
    # Empty: the browser's language decides.
    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        choices=LANGUAGES,
    )

    class Appearance(models.TextChoices):
        """How a person appears to others in rankings."""

        NAME = "name", _("By name")
        ANONYMOUS = "anonymous", _("Anonymously")
        HIDDEN = "hidden", _("Not at all")

    appearance = models.CharField(
        _("appearance"), max_length=10, choices=Appearance, default=Appearance.NAME
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(language__in=["", "en", "zh-hans"]),
                name="user_language_is_offered",
            )
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def is_listed(self) -> bool:
        """Whether others see this person in rankings, by whatever name."""
        return self.appearance != self.Appearance.HIDDEN

    @property
    def ranked_name(self) -> str:
        """What others see in rankings."""
        return gettext("Anonymous") if self.appearance == self.Appearance.ANONYMOUS else str(self)

    @property
    def is_instructor(self) -> bool:
        """Whether this person may see what instructors see."""
        return self.is_staff or self.groups.filter(name=INSTRUCTORS).exists()
