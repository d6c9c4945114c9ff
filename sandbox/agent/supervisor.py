"""The first process of a sandbox: it has the agent started, and started anew when that is asked.

A fresh process is the unit in which speed is measured, for where one happens to lie in memory makes
it faster or slower for good. It is a fork of this one, which never sees a learner's code.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

AGAIN = 75
"""The exit status of an agent that wants a fresh one in its place."""


def supervise(run: Callable[[bool], NoReturn]) -> NoReturn:
    """Fork ``run``, reap what it orphans, end with it; ``run`` hears whether it is a later one."""
    again = False
    while True:
        pid = os.fork()
        if pid == 0:
            run(again)
        while True:
            ended, status = os.wait()
            if ended == pid:
                break
        if os.waitstatus_to_exitcode(status) != AGAIN:
            os._exit(0)
        again = True
