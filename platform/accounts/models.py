"""People."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.names import check_readable, skeleton

INSTRUCTORS = "instructors"
"""The group whose members see what instructors see."""


def check_distinct(name: str) -> None:
    """Refuse a user name that looks like somebody else's.

    Raises:
        ValidationError: it does.
    """
    alike = User.objects.filter(skeleton=skeleton(name)).exclude(username=name)
    if alike.exists():
        raise ValidationError(
            _("This name looks like one that is taken already. Choose another."), "alike"
        )


class User(AbstractUser):
    """A person who signs in; everybody is a learner, some are instructors or staff besides."""

    LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]

    username = models.CharField(
        _("username"),
        max_length=150,
        unique=True,
        help_text=_("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."),
        validators=[UnicodeUsernameValidator(), check_readable, check_distinct],
        error_messages={"unique": _("A user with that username already exists.")},
    )
    # What all names that look like this one have in common. None: an account from before names
    # were compared, whose name looks like that of an older one.
    skeleton = models.TextField(unique=True, null=True, editable=False)
    display_name = models.CharField(
        _("display name"), max_length=80, blank=True, validators=[check_readable]
    )
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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it, and what its name looks like."""
        if self._state.adding or self.skeleton is not None:
            self.skeleton = skeleton(self.username)
        super().save(*args, **kwargs)

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
