"""Requests as the site's middleware leaves them, for the type checker."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class Request(HttpRequest):
    """Anybody's request."""

    user: User | AnonymousUser
    htmx: HtmxDetails


class LearnerRequest(Request):
    """A request behind ``login_required``."""

    user: User
