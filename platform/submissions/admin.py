"""For operators: runs, and those that ended as a fault of ours above all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from submissions.models import GradingRun

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[GradingRun]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(GradingRun)
class GradingRunAdmin(_ModelAdmin):
    """Read only: states are moved by services alone."""

    list_display = ["id", "state", "verdict", "queue", "attempt", "queued_at", "graded_at"]
    list_filter = ["state", "verdict", "queue"]
    date_hierarchy = "created_at"
    raw_id_fields = ["submission"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[GradingRun]:
        """Return the runs without what a list doesn't show, and may be large."""
        return super().get_queryset(request).defer("message", "timings", "receipt", "notebook")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: GradingRun | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: GradingRun | None = None) -> bool:
        return False
