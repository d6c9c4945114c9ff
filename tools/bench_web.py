"""The leaderboards with many people in PostgreSQL: ``make bench-web``.

Makes LEARNERS learners and SUBMISSIONS graded submissions, then asks for each kind of leaderboard
page as learners who stand anywhere in it, and for how long a new verdict takes to be seen. Prints a
table of server times and writes build/bench-web.json.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.postgres import USER, own_cluster

ROOT = Path(__file__).resolve().parents[1]
LEARNERS = int(os.environ.get("LEARNERS", "20000"))
SUBMISSIONS = int(os.environ.get("SUBMISSIONS", "1000000"))
COHORT = 300
REQUESTS = int(os.environ.get("REQUESTS", "200"))
"""Requests for each kind of page."""
_POPULATE = """
INSERT INTO accounts_user (id, password, is_superuser, username, first_name, last_name, email,
    is_staff, is_active, date_joined, display_name, language, appearance)
SELECT n, '!', false, 'learner' || n, '', '', '', false, true, now(), 'Learner ' || n, '',
    CASE WHEN n % 20 = 0 THEN 'hidden' WHEN n % 7 = 0 THEN 'anonymous' ELSE 'name' END
FROM generate_series(1000, 999 + {learners}) n;

INSERT INTO submissions_submission (id, learner_id, version_id, tests, source, source_kind,
    submitted_at)
SELECT md5(n::text)::uuid, 1000 + n % {learners}, versions.ids[1 + (n / {learners}) % {exercises}],
    'hidden', 'def f(): pass', 'python', now() - n * interval '30 seconds' / 10
FROM generate_series(1, {submissions}) n, (SELECT array_agg(id ORDER BY id) ids
    FROM curriculum_exerciseversion) versions;

INSERT INTO submissions_gradingrun (id, submission_id, queue, state, verdict, score, max_score,
    timings, receipt, cancel_requested, seed, salt, created_at, queued_at, enqueued_at, graded_at,
    attempt, counts)
SELECT md5('run' || s.id)::uuid, s.id, 'cpu', 'graded', 'accepted', 1, 1, '{{}}', '{{}}', false, 1,
    '', s.submitted_at, s.submitted_at, s.submitted_at, s.submitted_at, 1, true
FROM submissions_submission s;

INSERT INTO leaderboard_entry (learner_id, exercise_id, run_id, points, solved_at, measured_at,
    ratio, ratio_low, ratio_high, state, listed)
SELECT DISTINCT ON (s.learner_id, v.exercise_id) s.learner_id, v.exercise_id, r.id, 10,
    r.graded_at, r.graded_at, x.ratio, x.ratio * 0.97, x.ratio * 1.03, 'shown',
    s.learner_id % 20 <> 0
FROM submissions_gradingrun r
JOIN submissions_submission s ON s.id = r.submission_id
JOIN curriculum_exerciseversion v ON v.id = s.version_id
CROSS JOIN LATERAL (SELECT 0.3 + (hashtext(r.id::text) & 65535) / 50000.0 AS ratio) x
ORDER BY s.learner_id, v.exercise_id, r.graded_at;

INSERT INTO leaderboard_standing (learner_id, scope, period, points, solved, reached_at, listed)
SELECT e.learner_id, scope, period, sum(e.points), count(*), max(e.solved_at), bool_and(e.listed)
FROM leaderboard_entry e
JOIN curriculum_exercise x ON x.id = e.exercise_id
JOIN curriculum_topic t ON t.id = x.topic_id
JOIN curriculum_stage g ON g.id = t.stage_id
CROSS JOIN LATERAL unnest(ARRAY['', g.slug]) scope
CROSS JOIN LATERAL unnest(ARRAY['all', to_char(e.solved_at AT TIME ZONE 'UTC', 'YYYY-MM'),
    to_char(e.solved_at AT TIME ZONE 'UTC', 'IYYY-"W"IW')]) period
GROUP BY 1, 2, 3;

INSERT INTO courses_cohort (id, slug, name) VALUES (1, 'autumn', 'Autumn class');
INSERT INTO courses_enrollment (cohort_id, person_id, role)
SELECT 1, n, 'learner' FROM generate_series(1000, 999 + {cohort}) n;
"""


def main() -> None:
    """Measure, in a database that is gone afterwards."""
    with own_cluster() as url, tempfile.TemporaryDirectory() as data:
        os.environ |= {
            "DATABASE_URL": url,
            "PGUSER": USER,
            "DATA_DIR": data,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ALLOWED_HOSTS": "testserver",
            "LOG_LEVEL": "ERROR",
        }
        sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
        import django

        django.setup()
        _populate()
        found = _measure()
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "bench-web.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


def _populate() -> None:
    from django.core.management import call_command
    from django.db import connection

    from curriculum.models import ExerciseVersion

    call_command("migrate", verbosity=0)
    call_command("collectstatic", ignore_patterns=["src"], interactive=False, verbosity=0)
    call_command("load_curriculum", unproven=True, verbosity=0)
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(
            _POPULATE.format(
                learners=LEARNERS,
                submissions=SUBMISSIONS,
                cohort=COHORT,
                exercises=ExerciseVersion.objects.count(),
            )
        )
        cursor.execute("VACUUM ANALYZE")  # as autovacuum would have, by and by
        cursor.execute("SELECT count(*) FROM leaderboard_entry")
        entries = cursor.fetchone()[0]
    seconds = time.monotonic() - started
    print(
        f"{LEARNERS:,} learners, {SUBMISSIONS:,} submissions, {entries:,} entries: {seconds:.0f} s"
    )


def _measure() -> dict[str, Any]:
    from django.test import Client
    from django.urls import reverse

    from accounts.models import User
    from leaderboard.models import Entry

    draw = random.Random(1)
    board = reverse("leaderboard")
    slug = Entry.objects.filter(exercise__slug="scaled-dot-product-attention")
    timed = reverse("exercise-leaderboard", args=[slug[0].exercise.slug])
    pages = {
        "points, ever": board,
        "points of a stage": f"{board}?stage=03-llms",
        "points of this month": f"{board}?period=month",
        "points of a cohort": f"{board}?cohort=autumn",
        "speed of an exercise": timed,
        "speed within a cohort": f"{timed}?cohort=autumn",
    }
    found: dict[str, Any] = {}
    client = Client()
    print(f"\n{'page':24} {'median':>9} {'p95':>9} {'max':>9}   ms of server time")
    for name, page in pages.items():
        times = []
        readers = COHORT if "cohort" in page else LEARNERS
        for _ in range(REQUESTS):
            client.force_login(User.objects.get(pk=draw.randrange(1000, 1000 + readers)))
            started = time.perf_counter()
            assert client.get(page).status_code == 200
            times.append(1000 * (time.perf_counter() - started))
        found[name] = _row(name, times)
    found["a verdict is seen"] = _row("a verdict is seen", _fresh(client, timed, draw))
    return found


def _fresh(client: Any, page: str, draw: random.Random) -> list[float]:
    """Return the milliseconds from a verdict to a page that shows it."""
    from accounts.models import User
    from curriculum.models import Exercise
    from submissions import queue, services
    from submissions.verdicts import Verdict

    queue.enqueue = lambda *message: None
    queue.announce = lambda submission_id: None
    exercise = Exercise.objects.get(slug="scaled-dot-product-attention")
    times = []
    for number in range(20):
        learner = User.objects.create(username=f"new{number}")
        sent = services.submit(learner=learner, exercise=exercise, tests="hidden", source="x = 1")
        claim = services.claim(sent.latest_run.pk)
        assert claim is not None
        services.record_plan(claim, [{"name": "test_speed", "title": {}, "max_points": 1.0}])
        value = draw.uniform(0.3, 1.2)
        speed = {"kind": "ratio", "value": value, "low": value * 0.98, "high": value * 1.02}
        services.record_outcome(claim, name="test_speed", kind="passed", speed=speed)
        client.force_login(learner)
        started = time.perf_counter()
        services.record_verdict(claim, verdict=Verdict.ACCEPTED, score=1, max_score=1)
        assert "data-own" in client.get(page).content.decode()
        times.append(1000 * (time.perf_counter() - started))
    return times


def _row(name: str, times: list[float]) -> dict[str, float]:
    row = {
        "median": statistics.median(times),
        "p95": statistics.quantiles(times, n=20)[-1],
        "max": max(times),
    }
    print(f"{name:24} " + " ".join(f"{value:9.1f}" for value in row.values()), flush=True)
    return row


if __name__ == "__main__":
    main()
