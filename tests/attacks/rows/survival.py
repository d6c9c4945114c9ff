"""F: outliving the run."""

from __future__ import annotations

from tests.attacks.rows.base import RIGHT, RUNTIME, WRONG, Row

_DAEMON = """
import os, time
def daemonise(work):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(1024):
                try:
                    os.close(fd)
                except OSError:
                    pass
            work()
            os._exit(0)
        os._exit(0)
    os.wait()
"""

_WRITES_LATER = """
def write():
    for _ in range(600):
        time.sleep(0.1)
        open("/tmp/later", "a").write("x")
daemonise(write)
"""

_ZOMBIES = """
import os, time
made = 0
try:
    for _ in range(200):
        if os.fork() == 0:
            os._exit(0)
        made += 1
except OSError as error:
    print("HELD zombies", made, error)
"""

_ORPHANS = """
import os, time
def orphan(batches):
    for _ in range(batches):
        if os.fork() == 0:
            for _ in range(10):
                if os.fork() == 0:
                    os._exit(0)
            os._exit(0)
        os.wait()
        time.sleep(0.02)
orphan(4)
def double(numbers):
    if len(numbers) == 8:
        orphan(4)  # 80 in all: more than there may be at a time
        print("HELD orphans were reaped")
    return [2 * number for number in numbers]
"""

ROWS = [
    Row(
        "F01",
        "leave a daemon behind and end",
        WRONG + _DAEMON + "daemonise(lambda: time.sleep(60))\nos._exit(0)\n",
        RUNTIME,
        0,
        layers=("pid namespace",),
    ),
    Row(
        "F02",
        "leave a daemon behind that writes later, and be right",
        RIGHT + _DAEMON + _WRITES_LATER,
        layers=("pid namespace",),
    ),
    Row(
        "F03",
        "leave zombies up to the limit",
        RIGHT + _ZOMBIES,
        shows=("HELD zombies",),
        layers=("process limit",),
    ),
    Row(
        "F03-orphans",
        "leave orphans that nobody waits for",
        RIGHT + _ORPHANS,
        shows=("HELD orphans",),
    ),
]
