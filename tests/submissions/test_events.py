"""Live pages: one's own changes are heard at once, and without Redis pages know to look again."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis
import uvicorn
from asgiref.sync import async_to_sync, sync_to_async
from django.core.asgi import get_asgi_application
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import reverse

from accounts.models import User
from submissions import events, services
from submissions.hub import hub
from submissions.models import GradingRun
from submissions.places import MAX_STREAMS, Place
from submissions.queue import CHANGED
from submissions.verdicts import Verdict
from tests.conftest import broker_at
from tests.submissions.conftest import MakeLearner, MakeRun, claimed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.redis]
WAIT_S = 10.0
PING = b"event: ping\ndata: -\n\n"


@contextlib.asynccontextmanager
async def listening(
    user: User, run: GradingRun
) -> AsyncIterator[tuple[StreamingHttpResponse, AsyncIterator[bytes]]]:
    client = AsyncClient()
    await sync_to_async(client.force_login)(user)
    response = await client.get(reverse("submission-events", args=[run.submission_id]))
    assert isinstance(response, StreamingHttpResponse)
    heard: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def pump() -> None:
        async for line in response:
            heard.put_nowait(line)
        heard.put_nowait(None)

    async def lines() -> AsyncIterator[bytes]:
        while line := await heard.get():
            yield line

    # A server, too, cancels the task when its client goes.
    task = asyncio.create_task(pump())
    try:
        yield response, lines()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def status(user: User, run: GradingRun) -> int:
    """Return how one more stream is answered; it isn't listened to."""
    client = AsyncClient()
    await sync_to_async(client.force_login)(user)
    answer = await client.get(reverse("submission-events", args=[run.submission_id]))
    return int(answer.status_code)


async def welcome(user: User, run: GradingRun) -> None:
    """Wait until a stream is to be had: what was closed is let go a moment later."""
    async with asyncio.timeout(WAIT_S):
        while await status(user, run) != 200:
            await asyncio.sleep(0.05)


async def hear(lines: AsyncIterator[bytes]) -> str:
    """Return the next event that is no mere sign of life."""
    async with asyncio.timeout(WAIT_S):
        async for line in lines:
            if line != PING:
                return line.decode()
    pytest.fail("the stream ended")


def test_a_page_hears_of_each_change_of_its_submission(
    redis_url: str, learner: User, make_run: MakeRun
) -> None:
    run = make_run()

    @async_to_sync
    async def scene() -> None:
        async with listening(learner, run) as (response, lines):
            assert response["Content-Type"] == "text/event-stream"
            assert response["Cache-Control"] == "no-store, private"
            assert response["X-Accel-Buffering"] == "no"
            first = await hear(lines)  # what happened before it listened
            assert first.startswith("retry: ") and f"event: {CHANGED}\n" in first
            claim = await sync_to_async(claimed)(run)
            assert await hear(lines) == f"event: {CHANGED}\ndata: -\n\n"
            await sync_to_async(services.record_plan)(claim, [])
            assert await hear(lines) == f"event: {CHANGED}\ndata: -\n\n"
            await sync_to_async(services.record_verdict)(
                claim, verdict=Verdict.ACCEPTED, score=1, max_score=1
            )
            assert await hear(lines) == f"event: {CHANGED}\ndata: -\n\n"

    scene()


def test_a_stream_holds_no_connection_to_the_database(
    redis_url: str, learner: User, make_run: MakeRun
) -> None:
    run = make_run()

    @async_to_sync
    async def scene() -> None:
        async with listening(learner, run):
            assert await sync_to_async(lambda: connection.connection)() is None

    scene()


def test_a_page_hears_nothing_of_other_submissions(
    redis_url: str, learner: User, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PING_S", 0.2)
    monkeypatch.setattr(events, "MAX_LIFE_S", 1.0)
    mine, other = make_run(), make_run()

    @async_to_sync
    async def scene() -> list[bytes]:
        async with listening(learner, mine) as (_, lines), asyncio.timeout(WAIT_S):
            await anext(lines)
            await sync_to_async(services.cancel)(other)
            await sync_to_async(services.cancel)(mine)
            return [line async for line in lines if line != PING]

    assert len(scene()) == 1


def test_a_forgotten_tab_is_let_go(
    redis_url: str, learner: User, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PING_S", 0.05)
    monkeypatch.setattr(events, "MAX_LIFE_S", 0.3)
    run = make_run()

    @async_to_sync
    async def scene() -> None:
        async with listening(learner, run) as (_, lines), asyncio.timeout(WAIT_S):
            async for _ in lines:
                pass

    scene()


def test_without_redis_pages_are_told_to_look_by_themselves(
    client: Client, learner: User, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run()
    client.force_login(learner)
    with broker_at(f"unix://{tmp_path}/nobody.sock"):
        answer = client.get(reverse("submission-events", args=[run.submission_id]))
    assert answer.status_code == 503


@pytest.mark.parametrize("whose", ["another's", "nobody's", "a stranger's"])
def test_events_of_others_are_not_found(
    redis_url: str, client: Client, make_learner: MakeLearner, make_run: MakeRun, whose: str
) -> None:
    run = make_run()
    if whose != "a stranger's":
        client.force_login(make_learner("bo"))
    pk = uuid4() if whose == "nobody's" else run.submission_id
    assert client.get(reverse("submission-events", args=[pk])).status_code == 404


def test_a_person_holds_a_few_streams_and_others_theirs(
    redis_url: str, learner: User, make_learner: MakeLearner, make_run: MakeRun
) -> None:
    run, bo = make_run(), make_learner("bo")
    other = make_run(learner=bo)

    @async_to_sync
    async def scene() -> None:
        async with contextlib.AsyncExitStack() as streams:
            for _ in range(MAX_STREAMS - 1):
                _, lines = await streams.enter_async_context(listening(learner, run))
                await anext(lines)
            async with listening(learner, run) as (_, lines):
                await anext(lines)
                assert await status(learner, run) == 429
                async with listening(bo, other) as (response, _):
                    assert response.status_code == 200
            await welcome(learner, run)  # one was closed

    scene()


def test_the_streams_of_a_killed_process_lock_nobody_out(
    redis_url: str, learner: User, make_run: MakeRun
) -> None:
    run = make_run()

    @async_to_sync
    async def scene() -> None:
        for number in range(MAX_STREAMS):
            assert await Place(hub().redis, learner.pk, str(number), 1).keep()
        assert await status(learner, run) == 429
        await welcome(learner, run)

    scene()


def test_a_stream_that_goes_on_keeps_its_place(
    redis_url: str, learner: User, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PING_S", 0.05)
    monkeypatch.setattr(events, "LEASE_S", 1)
    run = make_run()

    @async_to_sync
    async def scene() -> None:
        async with listening(learner, run) as (_, lines):
            ends = time.monotonic() + 2.5
            while time.monotonic() < ends:
                await anext(lines)
            assert await hub().redis.zcard(f"streams:{learner.pk}") == 1

    scene()


def subscribers(url: str) -> int:
    with redis.Redis.from_url(url) as asked:
        return len(asked.client_list(_type="pubsub"))


def test_all_streams_of_a_process_share_one_subscription(
    redis_url: str, learner: User, make_learner: MakeLearner, make_run: MakeRun
) -> None:
    people = [learner, make_learner("bo"), make_learner("chen")]
    runs = [make_run(learner=each) for each in people]
    before = subscribers(redis_url)

    @async_to_sync
    async def scene() -> None:
        async with contextlib.AsyncExitStack() as streams:
            heard = list[AsyncIterator[bytes]]()
            for user, run in zip(people, runs, strict=True):
                _, lines = await streams.enter_async_context(listening(user, run))
                await anext(lines)
                heard.append(lines)
            assert subscribers(redis_url) == before + 1
            for lines, run in zip(heard, runs, strict=True):
                await sync_to_async(claimed)(run)
                assert await hear(lines) == f"event: {CHANGED}\ndata: -\n\n"

    scene()


def test_a_lost_subscription_ends_the_streams_and_the_next_one_subscribes_anew(
    redis_url: str, learner: User, make_run: MakeRun
) -> None:
    run = make_run()

    @async_to_sync
    async def scene() -> None:
        async with listening(learner, run) as (_, lines), asyncio.timeout(WAIT_S):
            await anext(lines)
            await hub().redis.client_kill_filter(_type="pubsub")
            assert [line async for line in lines if line != PING] == []
        async with listening(learner, run) as (_, lines):
            await hear(lines)
            await sync_to_async(claimed)(run)
            await hear(lines)

    scene()


def test_a_process_keeps_files_for_its_pages(
    redis_url: str,
    learner: User,
    make_learner: MakeLearner,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "most_streams", lambda: 1)
    run, bo = make_run(), make_learner("bo")
    other = make_run(learner=bo)

    @async_to_sync
    async def scene() -> None:
        async with listening(learner, run) as (_, lines):
            await anext(lines)
            assert await status(bo, other) == 503
        await welcome(bo, other)

    scene()


@pytest.fixture
def site(redis_url: str) -> Iterator[tuple[str, int]]:
    """A real server's address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        get_asgi_application(), lifespan="off", log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()
    server.should_exit = True
    thread.join(timeout=5)
    listener.close()


def test_who_opens_streams_without_end_gets_a_few_and_their_connections_end_free_them(
    site: tuple[str, int], client: Client, learner: User, make_run: MakeRun
) -> None:
    url = reverse("submission-events", args=[make_run().submission_id])
    client.force_login(learner)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    def knock() -> tuple[int, http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(*site, timeout=WAIT_S)
        connection.request("GET", url, headers={"Cookie": cookie, "Host": "localhost"})
        return connection.getresponse().status, connection

    answers = [knock() for _ in range(30)]
    assert [each for each, _ in answers] == [200] * MAX_STREAMS + [429] * (30 - MAX_STREAMS)
    for _, opened in answers:
        opened.close()
    deadline = time.monotonic() + WAIT_S
    while (last := knock())[0] != 200 and time.monotonic() < deadline:
        last[1].close()
        time.sleep(0.1)
    assert last[0] == 200
    last[1].close()
