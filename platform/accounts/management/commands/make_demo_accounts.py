"""A learner and an instructor to try the site with, on a machine of one's own."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand

from accounts.models import INSTRUCTORS, User

NAMES = ("instructor", "learner")


class Command(BaseCommand):
    """``manage.py make_demo_accounts``: prints each new account's password, once."""

    help = "Create the accounts 'instructor' and 'learner', and print their passwords."

    def handle(self, **options: Any) -> None:
        for name in NAMES:
            if User.objects.filter(username=name).exists():
                continue
            password = secrets.token_urlsafe(9)
            user = User.objects.create_user(name, password=password)
            if name == "instructor":
                user.is_staff = True
                user.save(update_fields=["is_staff"])
                user.groups.add(Group.objects.get_or_create(name=INSTRUCTORS)[0])
            self.stdout.write(f"{name:12} {password}")
