"""What people say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

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
