"""From one state to the next: only ``move`` writes a run's state."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from submissions import queue
from submissions.models import GradingRun
from submissions.states import TRANSITIONS, InvalidTransition, State


def move(rows: QuerySet[GradingRun], source: State, target: State, **changes: Any) -> int:
    """Move those ``rows`` that are in ``source`` to ``target``; return how many moved."""
    if target not in TRANSITIONS[source]:
        raise InvalidTransition(source, target)
    return rows.filter(state=source).update(state=target, **changes)


def announce(run: GradingRun) -> None:
    """Tell the pages that show ``run`` to look again, once this transaction is committed."""
    transaction.on_commit(partial(queue.announce, run.submission_id))
