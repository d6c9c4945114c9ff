"""The staff's page about workers."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.models import User
from workers.models import Worker


@require_GET
@login_required
def workers(request: HttpRequest) -> HttpResponse:
    """List the workers with each promise of their sandboxes."""
    if not (isinstance(request.user, User) and request.user.is_staff):
        raise PermissionDenied
    return render(request, "workers/list.html", {"workers": Worker.objects.all()})
