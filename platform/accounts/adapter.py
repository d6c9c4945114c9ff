"""What we do otherwise than allauth: which failures count against whom, which names are taken."""

from __future__ import annotations

import unicodedata
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponseBase

from accounts import devices
from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Wrong passwords lock out whoever guesses, and neither the owner nor the neighbours."""

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Take one of the tries; who gives the right password gets it back.

        Raises:
            ValidationError: none is left.
        """
        used = self._login_failed_rl_usage = ratelimit.RateLimitUsage([])
        for action, key in self._tries(request, **credentials):
            usage = ratelimit.consume(request, app="allauth.account", action=action, key=key)
            if usage is None:
                raise self.validation_error("too_many_login_attempts")
            used.usage += usage.usage

    def post_login(self, request: HttpRequest, user: User, **login: Any) -> HttpResponseBase:
        """Answer, and know the browser from now on."""
        response: HttpResponseBase = super().post_login(request, user, **login)
        devices.remember(request, response, user)
        return response

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Return a new name as it is stored."""
        return str(super().clean_username(unicodedata.normalize("NFKC", username), shallow))

    def _tries(self, request: HttpRequest, **credentials: Any) -> list[tuple[str, str]]:
        """Return which limits hold (``ACCOUNT_RATE_LIMITS``), each with what it counts by."""
        login = str(credentials.get("email", credentials.get("username", ""))).lower()
        if device := devices.known(request, login):
            return [("login_failed_device", device)]
        here = self._get_login_attempts_cache_key(request, **credentials)
        return [
            ("login_failed", here),
            ("login_failed_address", ""),
            ("login_failed_account", login),
        ]

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        account = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{account} {ratelimit.get_ip(request)}"
