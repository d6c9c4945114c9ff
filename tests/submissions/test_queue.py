"""The place in the queue; and a broker that is away is no reason to wait or to lose anything."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from submissions import queue, selectors, services
from submissions.models import GradingRun
from submissions.states import State
from tests.conftest import broker_at, redis_server
from tests.submissions.conftest import MakeLearner, MakeRun, Submit, claimed

slow = pytest.mark.slow


@pytest.fixture
def hung_broker(tmp_path: Path) -> Iterator[None]:
    """A Redis that takes connections and never answers."""
    program = redis_server()
    if program is None:
        pytest.skip("redis-server is not installed")
    path = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(path), "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    while not path.exists():
        time.sleep(0.02)
    server.send_signal(signal.SIGSTOP)
    with broker_at(f"unix://{path}"):
        yield
    server.kill()
    server.wait()


@pytest.fixture
def no_broker(tmp_path: Path) -> Iterator[None]:
    with broker_at(f"unix://{tmp_path}/nobody.sock"):
        yield


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("broker", "at_most_s"), [("no_broker", 3), pytest.param("hung_broker", 12, marks=slow)]
)
def test_a_broker_that_is_away_costs_no_submission_and_little_time(
    submit: Submit,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
    broker: str,
    at_most_s: float,
) -> None:
    request.getfixturevalue(broker)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        submission = submit()
        services.cancel(submission.latest_run)
    # By itself Celery tries for 6 s to reach a broker, and waits for ever for its answer.
    assert time.monotonic() - started < at_most_s
    assert submission.runs.get().state == State.CANCELLED
    assert f"enqueue.failed task={queue.GRADE} {submission.latest_run.pk}" in caplog.text
    assert f"announce.failed submission={submission.pk}" in caplog.text


def position(run: GradingRun) -> int | None:
    return selectors.queue_position(GradingRun.objects.get(pk=run.pk))


def test_the_place_in_the_queue_counts_those_who_came_before(
    make_run: MakeRun, make_learner: MakeLearner
) -> None:
    first, second, third = make_run(), make_run(learner=make_learner()), make_run()
    assert [position(run) for run in (first, second, third)] == [1, 2, 3]
    claim = claimed(first)
    assert [position(run) for run in (first, second, third)] == [None, 1, 2]
    services.cancel(second)
    assert [position(run) for run in (second, third)] == [None, 1]
    services.hand_back(claim)
    assert [position(run) for run in (first, third)] == [1, 2]


def test_the_queues_of_other_machines_do_not_count(make_run: MakeRun) -> None:
    slow, quick = make_run(), make_run()
    GradingRun.objects.filter(pk=slow.pk).update(queue="gpu")
    assert [position(run) for run in (slow, quick)] == [1, 1]


@pytest.mark.redis
def test_what_a_ranking_lacks_waits_for_every_verdict(redis_url: str) -> None:
    from config.celery import app

    redis.Redis.from_url(redis_url).flushall()  # what other tests sent
    queue.have_measured("cpu")
    queue.enqueue(uuid4(), "cpu")
    queue.enqueue(uuid4(), "gpu")
    taken: list[str] = []
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        consumer = app.amqp.TaskConsumer(
            channel,
            queues=[app.amqp.queues["cpu"], app.amqp.queues["gpu"]],
            on_message=lambda message: (taken.append(message.headers["task"]), message.ack()),
        )
        with consumer:
            for _ in range(3):
                connection.drain_events(timeout=5)
    assert taken == [queue.GRADE, queue.GRADE, queue.MEASURE]
