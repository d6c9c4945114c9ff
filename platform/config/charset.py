"""Texts are sent as UTF-8; nothing else is decoded."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

UTF_8 = {"utf-8", "utf8", "us-ascii"}


def only_utf_8(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse other charsets: Django decodes by whatever codec a request names, or fails to."""

    def middleware(request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() in UTF_8:
            return get_response(request)
        said = _("This site reads UTF-8 only. Send the text in that charset.")
        return HttpResponse(said, status=415, content_type="text/plain; charset=utf-8")

    return middleware
