"""Real workers heed what happens meanwhile: a cancellation, a message that never came."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

if TYPE_CHECKING:
    from tests.faults.conftest import Site

pytestmark = [pytest.mark.sandbox, pytest.mark.redis, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SUBMIT_A_LOOP = """\
from accounts.models import User
from curriculum.models import Exercise
from submissions.services import submit

submit(
    learner=User.objects.create_user("bo"),
    exercise=Exercise.objects.get(slug="adder"),
    tests="visible",
    source="def add(a, b):\\n    while True: pass\\n",
)
"""
CANCEL = """\
import time
from submissions import services
from submissions.models import GradingRun

run = GradingRun.objects.get(submission__learner__username="bo")
assert run.state == "running"
services.cancel(run)
started = time.monotonic()
while run.state == "running" and time.monotonic() < started + 60:
    time.sleep(0.05)
    run.refresh_from_db()
print(run.state, time.monotonic() - started)
"""


def shell(site: Site, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
        env=site.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lost_messages_are_made_up_for_and_endless_code_can_be_cancelled(
    site: Site, redis_url: str
) -> None:
    # In one test, since a worker takes seconds to start.
    site.submit(2)
    redis.Redis.from_url(redis_url).flushall()
    site.worker()
    site.beat()
    site.wait_for("runs without a message are graded", lambda: site.states()["graded"] == 2)

    shell(site, SUBMIT_A_LOOP)
    site.wait_for(
        "the loop runs",
        lambda: site.ask("SELECT 1 FROM submissions_outcome WHERE kind = 'running'") != [],
    )
    state, seconds = shell(site, CANCEL).split()
    assert state == "cancelled"
    assert float(seconds) < 10  # about one; the test's own limit is 100
    assert site.states() == {"graded": 2, "cancelled": 1}

    site.submit(1)
    site.wait_for("the next one is graded", lambda: site.states()["graded"] == 3)
