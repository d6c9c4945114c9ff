"""The language switch."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import check_for_language
from django.views import i18n

from accounts.models import User


def set_language(request: HttpRequest) -> HttpResponse:
    """Switch to the posted language, and remember it with the account of whoever is signed in."""
    response = i18n.set_language(request)
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and language and check_for_language(language):
        User.objects.filter(pk=request.user.pk).update(language=language)
    return response
