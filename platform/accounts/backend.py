"""Who signs in by an address."""

from __future__ import annotations

from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.userkit import filter_users_by_email

from accounts.models import User

MAX_SHARING = 3
"""Accounts that can use one address to sign in and to get a new password, unless it is verified:
then it is one account's alone. Sign-up doesn't tell which addresses it knows, so that an
unverified one may be claimed by many, and each costs a hash, or a mail."""


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """allauth's, which would try the password on all accounts that claim the address."""

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        claiming = filter_users_by_email(email, prefer_verified=True, for_login=True)
        user: User
        for user in sorted(claiming, key=lambda user: user.pk)[:MAX_SHARING]:
            if self._check_password(user, password):
                return user
        return None
