"""Requests as the site's middleware leaves them, and which verbs a view takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class Request(HttpRequest):
    """Anybody's request."""

    user: User | AnonymousUser
    htmx: HtmxDetails


class LearnerRequest(Request):
    """A request behind ``login_required``."""

    user: User


View = Callable[..., HttpResponseBase]


def post_from(page: str, *names: str) -> Callable[[View], View]:
    """Let a view act on POST, and lead whoever comes by GET to ``page``, where its form is.

    People do come by GET: a switch of language and a sign-in return to the address that they
    were at. ``names`` are the arguments of the view's address that the page's has as well.
    """

    def decorate(view: View) -> View:
        act = require_POST(view)

        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "GET":
                return redirect(reverse(page, kwargs={name: kwargs[name] for name in names}))
            answer: HttpResponseBase = act(request, *args, **kwargs)
            return answer

        return wrapped

    return decorate


def signed_in(view: View) -> View:
    """Ask strangers to sign in: for a page by a redirect, for a part of one (htmx) in words."""
    page = login_required(view)

    @wraps(view)
    def wrapped(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.htmx and not request.user.is_authenticated:
            said = {"error": _("You are signed out. Sign in again to see the results.")}
            return render(request, "submissions/_refused.html", said, status=401)
        answer: HttpResponseBase = page(request, *args, **kwargs)
        return answer

    return wrapped
