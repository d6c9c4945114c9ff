"""What browsers and crawlers ask every site for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

ROBOTS = """\
User-agent: *
Disallow: /account/
Disallow: /accounts/
Disallow: /admin/
Disallow: /staff/
Disallow: /submissions/
"""


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """The course may be found; what belongs to somebody needs no crawler."""
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For whoever doesn't read the page's link to the icon."""
    return redirect(static("icon.svg"))
