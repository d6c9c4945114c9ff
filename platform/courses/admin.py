"""Cohorts and who is in them, for staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from courses.models import Cohort, Enrollment

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Cohort]
    _Inline = admin.TabularInline[Enrollment, Cohort]
else:
    _ModelAdmin, _Inline = admin.ModelAdmin, admin.TabularInline


class _Enrollments(_Inline):
    model = Enrollment
    autocomplete_fields = ["person"]


@admin.register(Cohort)
class CohortAdmin(_ModelAdmin):
    """A cohort with its people."""

    list_display = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [_Enrollments]
