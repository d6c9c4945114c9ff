"""The pages of submissions: whose they are, what they answer, with scripts and without."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from curriculum.models import Exercise
from submissions import services
from submissions.models import Draft, GradingRun, Submission
from submissions.states import State
from submissions.verdicts import Verdict
from tests.browser.stagehand import FAILING, QUIZ, QUIZ_SECOND, STARTER, graded, make_quiz
from tests.submissions.conftest import MakeExercise, MakeLearner, MakeRun, Submit, claimed

HTMX = {"HX-Request": "true"}
OF_A_SUBMISSION = [
    ("submission", "get"),
    ("submission", "head"),
    ("submission", "post"),
    ("cancel", "get"),
    ("cancel", "post"),
    ("restore", "get"),
    ("restore", "post"),
    ("submission-events", "get"),
]
LEADS_TO_THE_PAGE = {("cancel", "get"), ("restore", "get")}
ALLOWED = {
    ("submission", "get"): 200,
    ("submission", "head"): 200,
    ("cancel", "post"): 302,
    ("restore", "post"): 302,
}


@pytest.fixture
def run(make_run: MakeRun) -> GradingRun:
    return make_run(source="secret = 42\n")


def ask(client: Client, name: str, verb: str, pk: object, **more: Any) -> Any:
    return getattr(client, verb)(reverse(name, args=[pk]), **more)


def snapshot() -> list[Any]:
    tables = (Submission, GradingRun, Draft)
    return [list(table.objects.order_by("pk").values()) for table in tables]


# Whose it is


@pytest.mark.parametrize(("name", "verb"), OF_A_SUBMISSION)
@pytest.mark.parametrize("role", ["another learner", "an instructor", "an operator"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_submission_is_not_found_by_others(
    client: Client,
    make_learner: MakeLearner,
    run: GradingRun,
    role: str,
    name: str,
    verb: str,
    headers: dict[str, str],
) -> None:
    other = make_learner("other")
    other.is_staff = role != "another learner"
    other.is_superuser = role == "an operator"
    other.save()
    client.force_login(other)
    before = snapshot()
    answer = ask(client, name, verb, run.submission_id, headers=headers)
    # 405 is said of the address, not of the submission: the same for one that there isn't.
    nowhere = ask(client, name, verb, uuid4(), headers=headers)
    assert answer.status_code == nowhere.status_code
    assert answer.status_code in ({302} if (name, verb) in LEADS_TO_THE_PAGE else {404, 405})
    assert (answer.status_code == 404) == ((name, verb) in ALLOWED or name.endswith("events"))
    assert b"secret" not in answer.content
    assert snapshot() == before


@pytest.mark.parametrize(("name", "verb"), OF_A_SUBMISSION)
def test_strangers_are_asked_to_sign_in_or_find_nothing(
    client: Client, run: GradingRun, name: str, verb: str
) -> None:
    before = snapshot()
    answer = ask(client, name, verb, run.submission_id)
    if name.endswith("events"):
        assert answer.status_code == 404
    elif (name, verb) in LEADS_TO_THE_PAGE:
        assert answer["Location"] == run.submission.get_absolute_url()
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))
    assert snapshot() == before


@pytest.mark.parametrize(("name", "verb"), OF_A_SUBMISSION[:-1])
def test_each_address_takes_only_its_own_verbs(
    signed_in: Client, run: GradingRun, name: str, verb: str
) -> None:
    answer = ask(signed_in, name, verb, run.submission_id)
    led = (name, verb) in LEADS_TO_THE_PAGE
    assert answer.status_code == ALLOWED.get((name, verb), 302 if led else 405)


def test_others_submissions_are_in_no_list(
    signed_in: Client, submit: Submit, make_learner: MakeLearner, exercise: Exercise
) -> None:
    theirs = submit(learner=make_learner("bo"), source="theirs = 1\n")
    services.save_draft(learner=theirs.learner, exercise=exercise, source="their_draft", revision=0)
    mine = submit(source="mine = 1\n")
    for name in ("submissions", "exercise"):
        page = signed_in.get(reverse(name, args=[exercise.slug])).content.decode()
        assert str(mine.pk) in page
        assert str(theirs.pk) not in page
        assert "their_draft" not in page


def test_drafts_are_saved_for_whoever_is_signed_in(
    client: Client, make_learner: MakeLearner, exercise: Exercise
) -> None:
    url = reverse("draft", args=[exercise.slug])
    for name in ("an", "bo"):
        client.force_login(make_learner(name))
        answer = client.post(url, {"source": name, "revision": "0", "learner": "1"})
        assert answer.json() == {"revision": 1}
    assert sorted(Draft.objects.values_list("learner__username", "source")) == [
        ("an", "an"),
        ("bo", "bo"),
    ]


# Forged requests


@pytest.mark.parametrize("name", ["submit", "draft", "cancel", "restore"])
def test_a_post_without_the_sites_token_changes_nothing(
    learner: User, exercise: Exercise, run: GradingRun, name: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(learner)
    of_exercise = name in {"submit", "draft"}
    url = reverse(name, args=[exercise.slug if of_exercise else run.submission_id])
    before = snapshot()
    forged = {"source": "x = 1", "tests": "hidden", "revision": "0"}
    assert client.post(url, forged).status_code == 403
    assert client.post(url, forged, headers=HTMX).status_code == 403
    assert snapshot() == before

    client.get(exercise.get_absolute_url())
    token = client.cookies[site_settings.CSRF_COOKIE_NAME].value
    assert client.post(url, forged, headers={"X-CSRFToken": token}).status_code in {200, 302}
    assert snapshot() != before


# Submitting


def test_sending_code_leads_to_its_page(signed_in: Client, exercise: Exercise) -> None:
    answer = signed_in.post(
        reverse("submit", args=[exercise.slug]), {"source": "a\r\nb\r\n", "tests": "visible"}
    )
    sent = Submission.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, sent.get_absolute_url())
    assert (sent.source, sent.tests, sent.source_kind) == ("a\nb\n", "visible", "python")


def test_htmx_gets_the_panel_alone(signed_in: Client, exercise: Exercise) -> None:
    answer = signed_in.post(
        reverse("submit", args=[exercise.slug]),
        {"source": "x = 1", "tests": "hidden"},
        headers=HTMX,
    )
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "<html" not in page
    assert f'id="run-{Submission.objects.get().pk}"' in page
    assert "You are next" in page


def test_a_submission_has_a_page_and_a_panel(signed_in: Client, run: GradingRun) -> None:
    url = run.submission.get_absolute_url()
    page, panel = signed_in.get(url), signed_in.get(url, headers=HTMX)
    assert "<html" in page.content.decode()
    assert "<html" not in panel.content.decode()
    for answer in (page, panel):
        assert f'id="run-{run.submission_id}"' in answer.content.decode()
        assert "HX-Request" in answer["Vary"]


def test_the_verdict_brings_the_exercises_status_along(signed_in: Client, run: GradingRun) -> None:
    url = run.submission.get_absolute_url()
    assert 'id="status"' not in signed_in.get(url, headers=HTMX).content.decode()
    services.record_verdict(
        claimed(run), verdict=Verdict.ACCEPTED, score=1, max_score=1, timings={}, receipt={}
    )
    panel = signed_in.get(url, headers=HTMX).content.decode()
    assert "Solved" in panel[panel.index('id="status" hx-swap-oob="true"') :]
    assert 'id="status"' not in signed_in.get(url).content.decode(), "that page shows none"


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"source": "", "tests": "hidden"}, 400, "There is no code to run yet"),
        ({"tests": "hidden"}, 400, "There is no code to run yet"),
        ({"source": "x" * 300_000, "tests": "hidden"}, 413, "at most 256 are allowed"),
        ({"source": "a\n\0", "tests": "hidden"}, 400, "Line 2 holds a character"),
        ({"source": "x = 1", "tests": "all"}, 400, "Choose either"),
    ],
    ids=["empty", "missing", "large", "NUL", "tests"],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_what_is_refused_says_why_and_the_text_stays(
    signed_in: Client,
    exercise: Exercise,
    fields: dict[str, str],
    status: int,
    says: str,
    headers: dict[str, str],
) -> None:
    url = reverse("submit", args=[exercise.slug])
    answer = signed_in.post(url, fields, headers=headers)
    assert answer.status_code == status
    page = answer.content.decode()
    assert says in page
    assert ("<html" in page) == (not headers)
    if not headers:
        assert fields.get("source", "") in page
    assert not Submission.objects.exists()


def test_a_full_queue_of_ones_own_is_said_with_its_status(
    signed_in: Client, exercise: Exercise, make_run: MakeRun, settings: Any
) -> None:
    settings.SUBMISSIONS_MAX_WAITING = 1
    make_run()
    url = reverse("submit", args=[exercise.slug])
    answer = signed_in.post(url, {"source": "x = 2", "tests": "hidden"}, headers=HTMX)
    assert answer.status_code == 429
    assert "1 of your runs" in answer.content.decode()


@pytest.mark.parametrize("name", ["submit", "draft"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_body_that_is_far_too_large_is_refused_before_it_is_read(
    signed_in: Client, exercise: Exercise, name: str, headers: dict[str, str]
) -> None:
    body = b"tests=hidden&source=" + b"x" * (site_settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    answer = signed_in.post(
        reverse(name, args=[exercise.slug]),
        body,
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )
    assert answer.status_code in {400, 413}
    assert not Submission.objects.exists()
    assert not Draft.objects.exists()


def test_strangers_sign_in_before_they_run_code(client: Client, exercise: Exercise) -> None:
    url, sent = reverse("submit", args=[exercise.slug]), {"source": "x = 1", "tests": "visible"}
    plain = client.post(url, sent)
    assert plain.status_code == 302
    assert plain["Location"] == f"{reverse('account_login')}?next={exercise.get_absolute_url()}"
    asked = client.post(url, sent, headers=HTMX)
    assert asked.status_code == 401
    assert "Sign in to run your code" in asked.content.decode()
    assert not Submission.objects.exists()


@pytest.mark.parametrize("name", ["exercise", "submissions", "submit", "draft"])
@pytest.mark.parametrize("hidden", ["withdrawn", "without a version", "unknown"])
def test_what_is_not_published_is_not_there(
    signed_in: Client, exercise: Exercise, name: str, hidden: str
) -> None:
    if hidden == "withdrawn":
        Exercise.objects.update(published=False)
    elif hidden == "without a version":
        Exercise.objects.update(current_version=None)
    url = reverse(name, args=["nothing" if hidden == "unknown" else exercise.slug])
    sent = {"source": "x = 1", "tests": "hidden", "revision": "0"}
    answer = signed_in.post(url, sent) if name in {"submit", "draft"} else signed_in.get(url)
    assert answer.status_code == 404
    assert not Submission.objects.exists()
    assert not Draft.objects.exists()


# Cancelling, restoring


def test_cancelling_works_with_scripts_and_without(signed_in: Client, make_run: MakeRun) -> None:
    first, second = make_run(), make_run()
    plain = ask(signed_in, "cancel", "post", first.submission_id)
    assert (plain.status_code, plain["Location"]) == (302, first.submission.get_absolute_url())
    panel = ask(signed_in, "cancel", "post", second.submission_id, headers=HTMX)
    assert panel.status_code == 200
    assert "Cancelled" in panel.content.decode()
    assert set(GradingRun.objects.values_list("state", flat=True)) == {State.CANCELLED}


def test_cancelling_a_run_that_runs_is_passed_on(signed_in: Client, run: GradingRun) -> None:
    claim = claimed(run)
    panel = ask(signed_in, "cancel", "post", run.submission_id, headers=HTMX)
    assert "Cancelling" in panel.content.decode()
    assert services.renew(claim) is True


def test_a_restored_submission_is_the_draft_again(
    signed_in: Client, learner: User, exercise: Exercise, run: GradingRun
) -> None:
    services.save_draft(learner=learner, exercise=exercise, source="later", revision=0)
    answer = ask(signed_in, "restore", "post", run.submission_id)
    assert answer["Location"] == exercise.get_absolute_url()
    draft = Draft.objects.get()
    assert (draft.source, draft.revision) == ("secret = 42\n", 2)


# Drafts


def test_saving_a_draft_answers_with_its_revision(signed_in: Client, exercise: Exercise) -> None:
    url = reverse("draft", args=[exercise.slug])
    first = signed_in.post(url, {"source": "a\r\nb", "revision": "0"})
    assert (first.status_code, first.json()) == (200, {"revision": 1})
    assert Draft.objects.get().source == "a\nb"
    assert signed_in.post(url, {"source": "c", "revision": "1"}).json() == {"revision": 2}


def test_a_draft_saved_elsewhere_since_is_answered_with_the_other_text(
    signed_in: Client, learner: User, exercise: Exercise
) -> None:
    services.save_draft(learner=learner, exercise=exercise, source="there", revision=0)
    url = reverse("draft", args=[exercise.slug])
    answer = signed_in.post(url, {"source": "here", "revision": "0"})
    assert answer.status_code == 409
    assert answer.json() == {"source": "there", "revision": 1}
    assert Draft.objects.get().source == "there"


@pytest.mark.parametrize("revision", ["", "x", "-1", "1.5", "²", "9" * 30, "9" * 5000])
def test_a_revision_that_makes_no_sense_is_a_conflict(
    signed_in: Client, learner: User, exercise: Exercise, revision: str
) -> None:
    services.save_draft(learner=learner, exercise=exercise, source="there", revision=0)
    url = reverse("draft", args=[exercise.slug])
    answer = signed_in.post(url, {"source": "here", "revision": revision})
    assert answer.status_code == 409
    assert Draft.objects.get().source == "there"


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [("x" * 300_000, 413, "source_too_large"), ("\0", 400, "source_unreadable")],
    ids=["large", "NUL"],
)
def test_a_draft_that_cannot_be_kept_is_refused_with_a_code(
    signed_in: Client, exercise: Exercise, source: str, status: int, code: str
) -> None:
    url = reverse("draft", args=[exercise.slug])
    answer = signed_in.post(url, {"source": source, "revision": "0"})
    assert (answer.status_code, answer.json()) == (status, {"error": code})


def test_a_strangers_draft_stays_in_the_browser(client: Client, exercise: Exercise) -> None:
    answer = client.post(reverse("draft", args=[exercise.slug]), {"source": "x", "revision": "0"})
    assert answer.status_code == 401
    assert not Draft.objects.exists()


# What pages show


def test_the_editor_holds_the_draft_else_the_starter(
    signed_in: Client, learner: User, exercise: Exercise
) -> None:
    page = signed_in.get(exercise.get_absolute_url())
    assert (page.context["source"], page.context["revision"]) == (STARTER, 0)
    services.save_draft(learner=learner, exercise=exercise, source="mine", revision=0)
    page = signed_in.get(exercise.get_absolute_url())
    assert (page.context["source"], page.context["revision"]) == ("mine", 1)


def test_what_a_learner_wrote_or_printed_is_text_and_never_markup(
    signed_in: Client, learner: User, exercise: Exercise
) -> None:
    evil = "<script>alert(1)</script>"
    outcome = FAILING[1] | {"output": evil, "message": {"en": evil, "zh": evil}}
    submission = graded(learner, exercise, [outcome])
    services.replace_draft(learner=learner, exercise=exercise, source=f"</textarea>{evil}")
    Submission.objects.update(source=evil)
    for url in (submission.get_absolute_url(), exercise.get_absolute_url()):
        page = signed_in.get(url).content.decode()
        assert evil not in page
        assert "alert(1)" in page


def test_a_fault_of_ours_is_said_to_be_ours(
    signed_in: Client, run: GradingRun, settings: Any
) -> None:
    settings.GRADING_MAX_ATTEMPTS = 1
    services.record_fault(claimed(run), "OSError: /srv/secret/path")
    page = signed_in.get(run.submission.get_absolute_url()).content.decode()
    assert "our fault, not yours" in page
    assert "secret/path" not in page


# Quizzes


def test_a_quiz_sends_what_was_ticked(client: Client, learner: User) -> None:
    quiz = make_quiz(QUIZ_SECOND)
    client.force_login(learner)
    answer = client.post(
        reverse("submit", args=[quiz.slug]),
        {"tests": "hidden", "cost": "square", "parts": ["norms", "heads"]},
    )
    assert answer["Location"] == quiz.get_absolute_url()
    sent = Submission.objects.get()
    assert sent.source_kind == "quiz"
    assert json.loads(sent.source) == {"cost": ["square"], "parts": ["norms", "heads"]}
    page = client.get(quiz.get_absolute_url())
    ticked = [[each.chosen for each in question.choices] for question in page.context["questions"]]
    assert ticked == [[False, True], [True, True, False]]


UNFIT: dict[str, tuple[dict[str, Any], str, str]] = {
    "all choices of one": (
        {"cost": ["square", "linear"], "parts": "heads"},
        "Question 1 takes one answer only",
        "第 1 题只能选一个答案",
    ),
    "an unknown choice": ({"cost": "cubic", "parts": "heads"}, "may have changed", "可能已更新"),
    "another's choice": ({"cost": "heads", "parts": "heads"}, "may have changed", "可能已更新"),
    "an unknown question": (
        {"cost": "square", "parts": "heads", "gone": "a"},
        "may have changed",
        "可能已更新",
    ),
    "a choice twice": (
        {"cost": "square", "parts": ["heads", "heads"]},
        "may have changed",
        "可能已更新",
    ),
}


@pytest.mark.parametrize(("answers", "en", "zh"), UNFIT.values(), ids=UNFIT)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_answers_that_fit_no_form_are_not_graded_and_not_lost(
    signed_in: Client, answers: dict[str, Any], en: str, zh: str, language: str
) -> None:
    quiz = make_quiz(QUIZ_SECOND)
    url = reverse("submit", args=[quiz.slug])
    for headers in ({}, HTMX):
        answer = signed_in.post(
            url, {"tests": "hidden"} | answers, headers=headers | {"Accept-Language": language}
        )
        assert answer.status_code == 400
        assert (en if language == "en" else zh) in answer.content.decode()
        if not headers:
            *_, parts = answer.context["questions"]
            assert parts.choices[0].chosen
    assert not Submission.objects.exists()


def test_an_exercise_that_has_become_a_quiz_can_still_be_opened(
    signed_in: Client, run: GradingRun, make_another: MakeExercise, exercise: Exercise
) -> None:
    version = exercise.current_version
    assert version is not None
    version.pk = None
    version.content_hash = "2" * 64
    version.manifest = version.manifest | {"kind": "quiz"}
    version.quiz = QUIZ
    version.save()
    Exercise.objects.filter(pk=exercise.pk).update(current_version=version)
    page = signed_in.get(exercise.get_absolute_url())
    assert page.status_code == 200
    (question,) = page.context["questions"]
    assert not any(choice.chosen for choice in question.choices)


# Where a form leads


@pytest.mark.parametrize("name", ["cancel", "restore"])
def test_by_get_an_action_leads_to_its_page_and_does_nothing(
    signed_in: Client, run: GradingRun, name: str
) -> None:
    before = snapshot()
    answer = ask(signed_in, name, "get", run.submission_id)
    assert answer["Location"] == run.submission.get_absolute_url()
    assert snapshot() == before


def test_the_language_can_be_switched_on_a_page_that_refuses(
    signed_in: Client, exercise: Exercise
) -> None:
    refused = signed_in.post(reverse("submit", args=[exercise.slug]), {"tests": "hidden"})
    assert refused.status_code == 400
    switched = signed_in.post(
        reverse("set_language"),
        {"language": "zh-hans", "next": refused.context["request"].get_full_path()},
        follow=True,
    )
    assert switched.status_code == 200
    assert switched.redirect_chain[-1][0] == exercise.get_absolute_url()
    assert "注意力" in switched.content.decode()


def test_a_text_that_is_refused_is_the_draft_without_scripts(
    signed_in: Client, exercise: Exercise, settings: Any
) -> None:
    settings.SUBMISSIONS_MAX_WAITING = 0
    url = reverse("submit", args=[exercise.slug])
    assert signed_in.post(url, {"source": "x = 1", "tests": "hidden"}).status_code == 429
    assert Draft.objects.get().source == "x = 1"


# Cut short


@pytest.mark.parametrize("end", ["cancelled", "errored"])
def test_no_test_runs_on_after_its_run_has_ended(
    signed_in: Client, run: GradingRun, settings: Any, end: str
) -> None:
    settings.GRADING_MAX_ATTEMPTS = 1
    claim = claimed(run)
    services.record_plan(claim, [{"name": "t", "title": {"en": "T", "zh": "T"}, "max_points": 1}])
    services.record_started(claim, "t")
    if end == "cancelled":
        services.record_cancelled(claim)
    else:
        services.record_fault(claim, "OSError")
    page = signed_in.get(run.submission.get_absolute_url()).content.decode()
    assert "Running" not in page


# Lines that failed


def test_lines_of_the_code_are_linked_and_no_others(
    signed_in: Client, learner: User, exercise: Exercise
) -> None:
    message = {
        "en": "Your code raised ValueError: line 2: <b>\n  line 2, f: x\n  line 99, g: y",
        "zh": "第 2 行第 1 列有语法错误：x",
    }
    submission = graded(learner, exercise, [FAILING[1] | {"message": message}])
    page = signed_in.get(submission.get_absolute_url()).content.decode()
    link = '<a class="line-link" href="#line-2">line 2</a>'
    assert f"ValueError: line 2: &lt;b&gt;\n  {link}, f: x\n  line 99, g: y" in page
    assert 'id="line-2"' in page
    page = signed_in.get(submission.get_absolute_url(), headers={"Accept-Language": "zh"})
    assert '<a class="line-link" href="#line-2">第 2 行</a>第 1 列' in page.content.decode()


@pytest.mark.parametrize(("name", "verb"), [("submission", "get"), ("cancel", "post")])
def test_a_panel_says_that_one_is_signed_out(
    client: Client, run: GradingRun, name: str, verb: str
) -> None:
    answer = ask(client, name, verb, run.submission_id, headers=HTMX)
    assert answer.status_code == 401
    assert "You are signed out" in answer.content.decode()
    assert "<html" not in answer.content.decode()
