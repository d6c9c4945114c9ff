"""What more than one page asks of the runs."""

from __future__ import annotations

from submissions.models import GradingRun
from submissions.states import State
from workers.services import gpu_at_work


def queue_position(run: GradingRun) -> int | None:
    """Return a waiting run's place in its queue, from 1; None when it doesn't wait."""
    if run.state != State.QUEUED:
        return None
    waiting = GradingRun.objects.filter(state=State.QUEUED, queue=run.queue)
    return waiting.filter(queued_at__lt=run.queued_at).count() + 1


def lacks_gpu(run: GradingRun) -> bool:
    """Return whether a run waits for a GPU while no worker has one."""
    return run.state == State.QUEUED and run.queue == "gpu" and not gpu_at_work()
