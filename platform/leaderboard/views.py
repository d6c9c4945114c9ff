"""The pages of rankings."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from courses.models import Cohort
from courses.selectors import cohorts_of
from curriculum.models import Exercise, Stage
from leaderboard import selectors, services
from leaderboard.models import Entry
from submissions.requests import LearnerRequest, Request, post_from


@require_safe
def points(request: Request) -> HttpResponse:
    """Points, overall or of one stage; of this week, this month or ever; of all or of a cohort."""
    month, week = services.periods_of(timezone.now())
    periods = {"week": week, "month": month, "all": services.ALL}
    chosen = request.GET.get("period", "all")
    stage = Stage.objects.filter(slug=request.GET.get("stage", "")).first()
    period = periods.get(chosen, services.ALL)
    cohorts, cohort = _cohorts(request)
    scope = stage.slug if stage else ""
    context = {
        "ranking": selectors.by_points(scope, period, request.user, cohort),
        "cohorts": cohorts,
        "cohort": cohort,
        "stages": Stage.objects.all(),
        "stage": stage,
        "period": chosen if chosen in periods else "all",
        "periods": {"week": _("This week"), "month": _("This month"), "all": _("All time")},
        "appearances": User.Appearance.choices,
    }
    return render(request, "leaderboard/points.html", context)


@require_safe
def speed(request: Request, slug: str) -> HttpResponse:
    """The fastest solutions of one exercise."""
    rows = Exercise.objects.select_related("current_version", "topic__stage")
    exercise = get_object_or_404(rows, slug=slug, published=True, current_version__isnull=False)
    rules = isinstance(request.user, User) and request.user.is_instructor
    cohorts, cohort = _cohorts(request)
    context = {
        "exercise": exercise,
        "ranking": selectors.by_speed(exercise, request.user, cohort),
        "cohorts": cohorts,
        "cohort": cohort,
        "to_rule": selectors.to_rule(exercise) if rules else None,
    }
    return render(request, "leaderboard/speed.html", context)


def _cohorts(request: Request) -> tuple[QuerySet[Cohort], Cohort | None]:
    """Return the cohorts that may be chosen, and the one that is."""
    cohorts = cohorts_of(request.user)
    return cohorts, cohorts.filter(slug=request.GET.get("cohort", "")).first()


@post_from("leaderboard")
@login_required
def appear(request: LearnerRequest) -> HttpResponse:
    """Choose how to appear."""
    appearance = request.POST.get("appearance", "")
    if appearance in User.Appearance.values:
        services.appear(request.user, appearance)
    return redirect("account" if "from_account" in request.POST else "leaderboard")


@require_POST
@login_required
def rule(request: LearnerRequest, pk: int) -> HttpResponse:
    """Let an instructor decide whether a speed counts."""
    if not request.user.is_instructor:
        raise PermissionDenied
    entry = get_object_or_404(Entry.objects.select_related("exercise"), pk=pk)
    state, reason = request.POST.get("state", ""), request.POST.get("reason", "")
    if state in Entry.State.values and reason.strip():
        services.rule(entry, request.user, state, reason)
    return redirect("exercise-leaderboard", slug=entry.exercise.slug)
