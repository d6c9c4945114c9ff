"""People, sign-in, language."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

# What members of the group may do in the admin, besides being staff.
INSTRUCTORS_MAY = {
    "accounts": ["view_user"],
    "courses": [
        f"{verb}_{model}"
        for model in ("cohort", "enrollment")
        for verb in ("add", "change", "delete", "view")
    ],
    "leaderboard": ["view_ruling"],
    "submissions": ["view_gradingrun"],
}


class AccountsConfig(AppConfig):
    """People, sign-in, language."""

    name = "accounts"

    def ready(self) -> None:
        post_migrate.connect(let_instructors)


def let_instructors(sender: AppConfig, using: str, **_: Any) -> None:
    """Make the instructors' group, and give it what it may do with an app's models.

    The permissions themselves are made after each app's migrations too, by an earlier receiver.
    """
    from django.contrib.auth.models import Group, Permission

    from accounts.models import INSTRUCTORS

    if sender.label not in INSTRUCTORS_MAY:
        return
    permissions = Permission.objects.using(using).filter(
        content_type__app_label=sender.label, codename__in=INSTRUCTORS_MAY[sender.label]
    )
    group, _made = Group.objects.using(using).get_or_create(name=INSTRUCTORS)
    group.permissions.add(*permissions)
