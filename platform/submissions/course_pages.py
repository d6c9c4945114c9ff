"""The pages around the exercises: home with its nine stages, each stage, the list of all exercises,
a learner's own submissions, and help.

They live here and not in ``curriculum``, since they show a learner's progress, which is made of
submissions; imports go downwards only.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from curriculum import guide
from curriculum.models import Stage
from submissions import progress, selectors
from submissions.requests import LearnerRequest, Request

# What strangers see on the home page: real code with a mistake that graders know.
SPECIMEN = """\
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v
"""
PAGE_LENGTH = 25


@require_safe
def home(request: Request) -> HttpResponse:
    """The nine stages with own progress; for strangers, what this is and a way in."""
    course = progress.course(request.user)
    signed_in = request.user.is_authenticated
    context = {
        "course": course,
        "resume": progress.resume(course, request.user) if signed_in else None,
        "first": None if signed_in else progress.first_with_code(course),
        "specimen": SPECIMEN,
    }
    return render(request, "curriculum/home.html", context)


@require_safe
def stage(request: Request, slug: str) -> HttpResponse:
    """One stage: its topics and exercises."""
    found = get_object_or_404(Stage, slug=slug)
    part = progress.part(found, request.user)
    return render(request, "curriculum/stage.html", {"part": part})


@require_safe
@vary_on_headers("HX-Request")
def exercises(request: Request) -> HttpResponse:
    """All exercises, or those with certain words; for htmx the list alone."""
    words = request.GET.get("q", "")[:100]
    stage = Stage.objects.filter(slug=request.GET.get("stage", "")).first()
    course = progress.part(stage, request.user) if stage else progress.course(request.user)
    context = {
        "entries": [entry for entry in course.entries if entry.mentions(words)],
        "words": words,
        "stage": stage,
        "stages": Stage.objects.all(),
    }
    template = "curriculum/exercises.html"
    return render(request, f"{template}#found" if request.htmx else template, context)


@login_required
@require_safe
def own_submissions(request: LearnerRequest) -> HttpResponse:
    """Progress stage by stage, and everything that was ever sent, page by page."""
    pages = Paginator(selectors.whole_history(request.user), PAGE_LENGTH)
    context = {
        "course": progress.course(request.user),
        "page": pages.get_page(request.GET.get("page")),
    }
    return render(request, "submissions/own.html", context)


@require_safe
def learners_guide(request: Request) -> HttpResponse:
    """How to use the site, and what the sandbox holds."""
    context = {"guide": guide.text(), "packages": guide.packages()}
    return render(request, "curriculum/guide.html", context)
