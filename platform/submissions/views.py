"""The exercise page, and what becomes of the code that is sent from it. Everything is the learner's
own: what belongs to another isn't found."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from csp.constants import NONE
from csp.decorators import csp_replace
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.utils.cache import add_never_cache_headers
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.models import User
from curriculum import languages
from curriculum.models import Exercise
from submissions import changes, notebook_page, posted, progress, quizzes, selectors, services
from submissions.errors import SubmissionError
from submissions.models import Draft, Submission
from submissions.requests import LearnerRequest, Request, post_from, signed_in

PANEL = "submissions/detail.html#panel"
# A notebook's page loads its style sheet and nothing else, and only this site may frame it.
FRAMED = {"frame-ancestors": ["'self'"], "script-src": [NONE], "connect-src": [NONE]}


@require_safe
def exercise(request: Request, slug: str) -> HttpResponse:
    """Statement and editor; strangers may read and write, and sign in to run."""
    return _exercise_page(request, _exercise(slug))


@require_safe
def history(request: Request, slug: str) -> HttpResponse:
    """The exercise page with own submissions in the statement's place."""
    found = _exercise(slug)
    own: list[Submission] = []
    if request.user.is_authenticated:
        own = list(selectors.history(request.user, found))
    return _exercise_page(request, found, tab="submissions", submissions=own)


@login_required
@require_safe
def solution(request: LearnerRequest, slug: str) -> HttpResponse:
    """The model answer and its commentary, in the statement's place; for who has solved it."""
    return _exercise_page(request, _exercise(slug), tab="solution")


@login_required
@require_safe
def draft_changes(request: LearnerRequest, slug: str) -> HttpResponse:
    """What changed in the editor since it was sent, in the statement's place."""
    found = _exercise(slug)
    draft = Draft.objects.filter(learner=request.user, exercise=found).first()
    assert found.current_version is not None
    text = draft.source if draft else found.current_version.starter
    shown = list(changes.of(text, _judged(request.user, found)))
    return _exercise_page(request, found, tab="changes", changes=shown)


@login_required
@require_safe
def submission_changes(request: LearnerRequest, pk: UUID) -> HttpResponse:
    """What changed in a submission since those before it."""
    found = get_object_or_404(
        _own(request.user).filter(source_kind=Submission.SourceKind.PYTHON), pk=pk
    )
    earlier = _judged(request.user, found.version.exercise)
    shown = changes.of(found.source, earlier.filter(submitted_at__lt=found.submitted_at))
    context = {"submission": found, "changes": list(shown)}
    return render(request, "submissions/changes.html", context)


@post_from("exercise", "slug")
def submit(request: Request, slug: str) -> HttpResponse:
    """Store what was sent and have it graded; answer with the panel or a redirect to it."""
    found = _exercise(slug)
    if not isinstance(request.user, User):
        return _sign_in_first(request, found)
    tests = request.POST.get("tests", Submission.Tests.VISIBLE)
    source = request.POST.get("source", "")
    try:
        source, kind = posted.source(request, found, request.user)
        if kind == Submission.SourceKind.PYTHON and source.strip() and not request.htmx:
            # Without scripts nothing else keeps what was typed, even if it is refused.
            services.replace_draft(learner=request.user, exercise=found, source=source)
        submission = services.submit(
            learner=request.user,
            exercise=found,
            tests=tests,
            source=source,
            source_kind=kind,
            probe=posted.lines(request.POST.get("probe", "")),
        )
    except SubmissionError as error:
        return _refuse(request, found, source, error)
    if request.htmx:
        return _panel(request, request.user, submission.pk)
    here = kind in {Submission.SourceKind.QUIZ, Submission.SourceKind.NOTEBOOK}
    return redirect(found if here else submission)


@signed_in
@require_safe
@vary_on_headers("HX-Request")
def submission(request: LearnerRequest, pk: UUID) -> HttpResponse:
    """The whole page, or for htmx the part that changes while the grader works."""
    if request.htmx:
        return _panel(request, request.user, pk)
    found = get_object_or_404(_own(request.user), pk=pk)
    context = _result(found)
    if found.source_kind == Submission.SourceKind.QUIZ:
        context["questions"] = list(quizzes.questions(found.version, found))
    return render(request, "submissions/detail.html", context)


@require_safe
def starter_notebook(request: Request, slug: str) -> HttpResponse:
    """The notebook that a learner fills in, as a file."""
    version = _exercise(slug).current_version
    if version is None or version.kind != "notebook":
        raise Http404
    return HttpResponse(
        version.starter,
        content_type="application/x-ipynb+json",
        headers={"Content-Disposition": f'attachment; filename="{slug}.ipynb"'},
    )


@login_required
@require_safe
@xframe_options_sameorigin
@csp_replace(FRAMED)  # type: ignore[arg-type]  # it only passes the request on
def run_notebook(request: LearnerRequest, pk: UUID) -> HttpResponse:
    """A notebook as it ran, for the frame in which nothing of it can act."""
    own = _own(request.user).filter(source_kind=Submission.SourceKind.NOTEBOOK)
    found = get_object_or_404(own, pk=pk)
    html = notebook_page.render(
        found.source,
        found.latest_run.notebook or [],
        request.build_absolute_uri(static("dist/notebook.css")),
        languages.key(),
        selectors.graded_cells(found),
    )
    return HttpResponse(html)


@post_from("submission", "pk")
@signed_in
def cancel(request: LearnerRequest, pk: UUID) -> HttpResponse:
    """Ask for an end of the grading."""
    found = get_object_or_404(_own(request.user), pk=pk)
    services.cancel(found.latest_run)
    return _panel(request, request.user, pk) if request.htmx else redirect(found)


@post_from("submission", "pk")
@login_required
def restore(request: LearnerRequest, pk: UUID) -> HttpResponse:
    """Make a submission's code the draft again."""
    found = get_object_or_404(_own(request.user), pk=pk)
    services.replace_draft(
        learner=request.user, exercise=found.version.exercise, source=found.source
    )
    return redirect(found.version.exercise)


@require_POST
def draft(request: Request, slug: str) -> JsonResponse:
    """Save what is in the editor; 409 with the other text when it was saved elsewhere since."""
    if not isinstance(request.user, User):
        return JsonResponse({"error": "signed_out"}, status=401)
    revision = request.POST.get("revision", "")
    try:
        saved = services.save_draft(
            learner=request.user,
            exercise=_exercise(slug),
            source=posted.lines(request.POST.get("source", "")),
            revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
        )
    except services.DraftConflict as conflict:
        other = conflict.draft
        return JsonResponse({"source": other.source, "revision": other.revision}, status=409)
    except SubmissionError as error:
        return JsonResponse({"error": error.code}, status=error.status)
    return JsonResponse({"revision": saved.revision})


def _exercise_page(
    request: Request, found: Exercise, *, tab: str = "statement", status: int = 200, **more: Any
) -> HttpResponse:
    assert found.current_version is not None  # _exercise() asks for one
    context = _heading(request, found) | {"tab": tab}
    if tab == "solution" and not context["may_read_solution"]:
        raise Http404
    draft = last = None
    if request.user.is_authenticated:
        draft = Draft.objects.filter(learner=request.user, exercise=found).first()
        last = _judged(request.user, found).first()
    context |= {
        "source": draft.source if draft else found.current_version.starter,
        "revision": draft.revision if draft else 0,
    }
    if last:
        context |= _result(last)
    if found.current_version.kind == "notebook" and request.user.is_authenticated:
        context["uploaded"] = posted.last_notebook(found, request.user)
    if found.current_version.kind == "quiz":
        context["questions"] = list(quizzes.questions(found.current_version, last))
    response = render(request, "submissions/exercise.html", context | more, status=status)
    # On the way back a browser may show a copy, whose draft is an old one.
    add_never_cache_headers(response)
    return response


def _heading(request: Request, found: Exercise) -> dict[str, Any]:
    version = found.current_version
    assert version is not None
    status = progress.status(found, request.user)
    solved = status == progress.SOLVED or getattr(request.user, "is_instructor", False)
    return {
        "exercise": found,
        "version": version,
        "may_read_solution": bool(version.model_answer) and solved,
        "is_code": version.kind in progress.EDITED,
        "status": status,
    }


def _exercise(slug: str) -> Exercise:
    rows = Exercise.objects.select_related("current_version", "topic__stage")
    return get_object_or_404(rows, slug=slug, published=True, current_version__isnull=False)


def _own(learner: User) -> QuerySet[Submission]:
    rows = Submission.objects.filter(learner=learner)
    return rows.select_related("version__exercise__topic__stage").prefetch_related("runs__outcomes")


def _judged(learner: User, exercise: Exercise) -> QuerySet[Submission]:
    """What was sent to tests; lines that were tried have no place in a history."""
    rows = _own(learner).filter(version__exercise=exercise)
    return rows.exclude(tests=Submission.Tests.TRY)


def _result(submission: Submission) -> dict[str, Any]:
    run = submission.latest_run
    solved = run.passed and submission.tests == Submission.Tests.HIDDEN
    exercise = submission.version.exercise
    return {
        "submission": submission,
        "solved": solved,
        "graded_cells": selectors.graded_cells(submission) if run.is_final else [],
        "next_entry": progress.next_after(exercise, submission.learner) if solved else None,
        "position": selectors.queue_position(run),
        "lacks_gpu": selectors.lacks_gpu(run),
    }


def _panel(request: Request, learner: User, pk: UUID) -> HttpResponse:
    found = get_object_or_404(_own(learner), pk=pk)
    context = _result(found)
    if found.latest_run.is_final:
        context["status"] = progress.status(found.version.exercise, learner)
    response = render(request, PANEL, context)
    if found.source_kind == Submission.SourceKind.QUIZ and found.latest_run.is_final:
        # The feedback stands beside the questions, outside the panel.
        response["HX-Refresh"] = "true"
    return response


def _sign_in_first(request: Request, found: Exercise) -> HttpResponse:
    if request.htmx:
        said = {"error": posted.sign_in_first(found)}
        return render(request, "submissions/_refused.html", said, status=401)
    return redirect_to_login(found.get_absolute_url())


def _refuse(request: Request, found: Exercise, source: str, error: SubmissionError) -> HttpResponse:
    if request.htmx:
        return render(request, "submissions/_refused.html", {"error": error}, status=error.status)
    more: dict[str, Any] = {"source": source, "error": error}
    version = found.current_version
    if version is not None and version.kind == "quiz":
        answers = quizzes.ticked(version, request.POST)
        more["questions"] = list(quizzes.questions(version, None, answers))
    return _exercise_page(request, found, status=error.status, **more)
