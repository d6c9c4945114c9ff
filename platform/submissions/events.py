"""Server-sent events: a page hears that its submission changed, and fetches its panel again.

Events carry no data, so one that is missed costs nothing: the page also looks by itself.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from uuid import UUID

import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET
from redis.asyncio.client import PubSub

from submissions.models import Submission
from submissions.queue import CHANGED, channel

PING_S = 15.0
MAX_LIFE_S = 600.0
"""Browsers connect again by themselves; a limit keeps forgotten tabs from adding up."""


@require_GET
async def stream(request: HttpRequest, pk: UUID) -> HttpResponse | StreamingHttpResponse:
    """Stream the changes of an own submission; 503 without Redis, and then pages poll."""
    user = await request.auser()
    if not await Submission.objects.filter(pk=pk, learner_id=user.pk).aexists():
        raise Http404
    await sync_to_async(close_old_connections)()  # a stream that lives long needs no database
    connection = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1)
    subscription = connection.pubsub(ignore_subscribe_messages=True)
    try:
        await subscription.subscribe(channel(pk))
    except redis.RedisError:
        await connection.aclose()
        return HttpResponse(status=503)
    return StreamingHttpResponse(
        _events(connection, subscription),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(connection: redis.asyncio.Redis, subscription: PubSub) -> AsyncIterator[str]:
    ends = time.monotonic() + MAX_LIFE_S
    async with connection, subscription:
        # What happened between the page's making and the subscription is not heard: look now.
        yield f"retry: 2000\nevent: {CHANGED}\ndata: -\n\n"
        while time.monotonic() < ends:
            try:
                message = await subscription.get_message(timeout=PING_S)
            except redis.RedisError:
                return  # the browser connects again, or the page polls
            yield f"event: {CHANGED if message else 'ping'}\ndata: -\n\n"
