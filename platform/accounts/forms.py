"""What people say of themselves, and how they come in."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from allauth.account import forms as allauth
from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.backend import MAX_SHARING
from accounts.models import User

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[User]
else:
    _ModelForm = forms.ModelForm


class PreferencesForm(_ModelForm):
    """A person's name and language."""

    class Meta:
        model = User
        fields = ["display_name", "language"]
        help_texts = {"display_name": _("What others see; your user name where it is empty.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = self.fields["language"]
        assert isinstance(language, forms.TypedChoiceField)
        language.choices = [("", _("As the browser asks")), *User.LANGUAGES]


class LoginForm(allauth.LoginForm):  # type: ignore[misc]  # allauth has no types
    """Names are stored in their normal form, however they are typed."""

    def clean_login(self) -> str:
        """Return the name or address."""
        return unicodedata.normalize("NFKC", super().clean_login())


class SignupForm(allauth.SignupForm):  # type: ignore[misc]
    """Takes as long for an address that is known as for another."""

    def try_save(self, request: HttpRequest) -> Any:
        """Return the new user, or the answer where there is none."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class ResetPasswordForm(allauth.ResetPasswordForm):  # type: ignore[misc]
    """Sends no flood of mails to an address that many accounts claim."""

    users: list[User]

    def clean_email(self) -> str:
        """Return the address, with ``users`` as those who get a mail."""
        email = str(super().clean_email())
        self.users = sorted(self.users, key=lambda user: user.pk)[:MAX_SHARING]
        return email
