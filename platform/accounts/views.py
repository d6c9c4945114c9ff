"""A person's own account, and the language switch."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views import i18n
from django.views.decorators.http import require_http_methods

from accounts.forms import PreferencesForm
from accounts.models import User


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Name and language, how one appears to others, and the ways to password and e-mail."""
    assert isinstance(request.user, User)  # login_required
    # A row of its own: what a refused form holds must not show in the header.
    user = User.objects.get(pk=request.user.pk)
    form = PreferencesForm(request.POST or None, instance=user)
    if not form.is_valid():
        context = {"form": form, "appearances": User.Appearance.choices}
        return render(request, "account/account.html", context)
    form.save()
    with override(user.language or get_language()):
        messages.success(request, _("Saved."))
    response = redirect("account")
    if not user.language:
        # Else an earlier press of the language switch would decide, and not the browser.
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    return response


def set_language(request: HttpRequest) -> HttpResponse:
    """Switch to the posted language, and remember it with the account of whoever is signed in."""
    language = request.POST.get("language", "")
    if request.method == "POST" and language not in dict(settings.LANGUAGES):
        # Django itself would take any that it has texts of.
        said = _("This site doesn't have that language.")
        return HttpResponseBadRequest(said, content_type="text/plain; charset=utf-8")
    response = i18n.set_language(request)
    if isinstance(request.user, User) and language:
        User.objects.filter(pk=request.user.pk).update(language=language)
    return response
