"""Rulings, for whoever audits them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from leaderboard.models import Ruling

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Ruling]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(Ruling)
class RulingAdmin(_ModelAdmin):
    """Read only: rulings are made on the exercise's leaderboard, and stay."""

    list_display = ["at", "by", "entry", "state", "reason"]
    list_filter = ["state"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Ruling | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Ruling | None = None) -> bool:
        return False
