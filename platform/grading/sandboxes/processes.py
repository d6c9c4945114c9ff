"""What the backends ask about processes of a sandbox from outside."""

from __future__ import annotations

import select


def ended(process: int, timeout_s: float = 0.0) -> bool:
    """Return whether the process of this pidfd has ended, or ends within ``timeout_s``."""
    poller = select.poll()
    poller.register(process, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))
