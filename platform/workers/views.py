"""The staff's page about workers."""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from workers.models import Worker


@require_GET
@staff_member_required(login_url="account_login")  # type: ignore[untyped-decorator]
def workers(request: HttpRequest) -> HttpResponse:
    """List the workers with each promise of their sandboxes."""
    return render(request, "workers/list.html", {"workers": Worker.objects.all()})
