"""Browsers in which somebody signed in before: others' wrong guesses don't keep them out there.

Who guesses at an account's password uses up its tries, and would lock its owner out. So a browser
where the right password was given once has tries of its own, known by a signed cookie (a "device
cookie"). It opens nothing: without the password it is worth a few more guesses.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User

COOKIE = "device"
AGE_S = 31_536_000
_SALT = "accounts.devices"


def remember(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Have the browser know that ``user`` signed in there."""
    name = known(request, user.username.lower()) or secrets.token_urlsafe(16)
    response.set_cookie(
        COOKIE,
        signing.dumps([user.pk, name], salt=_SALT),
        max_age=AGE_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def known(request: HttpRequest, login: str) -> str | None:
    """Return the browser's name, if the owner of ``login`` (lower case) signed in there before."""
    try:
        owner, name = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=AGE_S)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=owner).first()
    return str(name) if user and login in (user.username.lower(), user.email.lower()) else None
