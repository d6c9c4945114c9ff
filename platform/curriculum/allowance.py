"""How long the site works on a learner's text: some are written to take for ever."""

from __future__ import annotations

import time


class TooCostly(Exception):
    """The time that there is for a text is over: show it as it is, and say so."""


class Allowance:
    """So many CPU seconds of this thread, from now on; whoever works asks between two steps."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.thread_time() + seconds

    def check(self) -> None:
        """Do nothing while there is time.

        Raises:
            TooCostly: there is none left.
        """
        if time.thread_time() > self._ends:
            raise TooCostly
