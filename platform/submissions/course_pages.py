"""The pages around the exercises: home with its nine stages, and each stage.

They live here and not in ``curriculum``, since they show a learner's progress, which is made of
submissions; imports go downwards only.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from curriculum.models import Stage
from submissions import progress
from submissions.requests import Request

# What strangers see on the home page: real code with a mistake that graders know.
SPECIMEN = """\
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v
"""


@require_safe
def home(request: Request) -> HttpResponse:
    """The nine stages with own progress; for strangers, what this is and a way in."""
    course = progress.course(request.user)
    context = {
        "course": course,
        "resume": progress.resume(course, request.user),
        "specimen": SPECIMEN,
    }
    return render(request, "curriculum/home.html", context)


@require_safe
def stage(request: Request, slug: str) -> HttpResponse:
    """One stage: its topics and exercises."""
    found = get_object_or_404(Stage, slug=slug)
    part = progress.part(found, request.user)
    return render(request, "curriculum/stage.html", {"part": part})
