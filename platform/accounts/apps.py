"""People, sign-in, language."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, sign-in, language."""

    name = "accounts"
