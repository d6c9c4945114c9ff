"""Server-sent events: a page hears that its submission changed, and fetches its panel again.

Events carry no data, so one that is missed costs nothing: the page also looks by itself. Whoever
gets no stream, since there are too many or no Redis, has a page that polls.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import redis
from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from submissions.hub import Hub, hub, most_streams
from submissions.models import Submission
from submissions.places import Place
from submissions.queue import CHANGED, channel

PING_S = 15.0
LEASE_S = 45
"""So long a stream whose process was killed counts as one of its person's."""
MAX_LIFE_S = 600.0
"""Browsers connect again by themselves; a limit keeps forgotten tabs from adding up."""


@require_GET
async def stream(request: HttpRequest, pk: UUID) -> HttpResponse | StreamingHttpResponse:
    """Stream the changes of an own submission.

    503 without Redis or with too many streams in this process, 429 with too many of one person.
    """
    user = await request.auser()
    if not await Submission.objects.filter(pk=pk, learner_id=user.pk).aexists():
        raise Http404
    await sync_to_async(close_old_connections)()  # a stream that lives long needs no database
    here = hub()
    if here.streams >= most_streams():
        return HttpResponse(status=503)
    place = Place(here.redis, user.pk, uuid4().hex, LEASE_S)
    try:
        await here.open()
        if not await place.keep():
            return HttpResponse(status=429)
    except redis.RedisError:
        return HttpResponse(status=503)
    return StreamingHttpResponse(
        _events(here, channel(pk), place),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(here: Hub, name: str, place: Place) -> AsyncIterator[str]:
    ends = time.monotonic() + MAX_LIFE_S
    # Without Redis the stream ends: the browser connects again, or the page polls.
    with contextlib.suppress(redis.RedisError):
        try:
            with here.listen(name) as bell:
                # What happened between the page's making and now is not heard: look at once.
                yield f"retry: 2000\nevent: {CHANGED}\ndata: -\n\n"
                while time.monotonic() < ends:
                    changed = await bell.heard(PING_S)
                    if not await place.keep():
                        return
                    yield f"event: {CHANGED if changed else 'ping'}\ndata: -\n\n"
        finally:
            await place.leave()
