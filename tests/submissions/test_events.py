"""Live pages: one's own changes are heard at once, and without Redis pages know to look again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import reverse

from accounts.models import User
from submissions import events, services
from submissions.models import GradingRun
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
    lines = aiter(response)
    try:
        yield response, lines
    finally:
        await lines.aclose()  # type: ignore[attr-defined]


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
