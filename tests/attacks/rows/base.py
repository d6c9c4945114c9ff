"""What a row of the attack corpus is, and the texts that hostile submissions are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.attacks.seen import Seen

ACCEPTED = frozenset({"accepted"})
WRONG_ANSWER = frozenset({"wrong_answer"})
RUNTIME = frozenset({"runtime_error"})
PROTOCOL = frozenset({"protocol_error"})
TIME = frozenset({"time_limit"})

CHECKOUT = str(Path(__file__).resolve().parents[3])
"""The folder of this host in which graders and references lie."""

FULL = 8.0
"""The points of the exercise "victim"."""


@dataclass(frozen=True)
class Row:
    """One attack: a hostile submission, and what may come of it.

    ``layers`` are the isolation layers without which it must turn red (see layers.py).
    ``shows`` are texts that prove the attack was tried: they must be among what the learner sees.
    ``accomplice`` is graded before this one, or ``beside`` it. ``inspect`` returns what is wrong
    with what was seen. ``gate`` is that of the corpus: M on every commit, R before a release.
    """

    id: str
    title: str
    source: str
    expect: frozenset[str] = ACCEPTED
    score: float | None = FULL
    layers: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    gate: str = "M"
    exercise: str = "victim"
    tests: str = "hidden"
    accomplice: str = ""
    beside: bool = False
    with_neighbour: bool = False
    backends: tuple[str, ...] = ("bubblewrap", "docker", "docker-runsc")
    inspect: Callable[[Seen, Seen | None], list[str]] | None = None


RIGHT = """
def double(numbers): return [2 * number for number in numbers]
def twice(tensor): return 2 * tensor
def tally(words): return {word: words.count(word) for word in words}
def mean(numbers): return sum(numbers) / len(numbers)
def run(model, x): return model(x)
"""

WRONG = """
def double(numbers): return list(numbers)
def twice(tensor): return tensor
def tally(words): return {}
def mean(numbers): return 0.0
def run(model, x): return x
"""

PROBE = """
import errno, os, re, stat, sys
PATTERN = re.compile(rb"CANARY" + rb"-[0-9a-f]{32}")

def breach(what, found):
    text = f"BREACH {what}: {found!r}"[:300]
    print(text)
    raise RuntimeError(text)

def forbid(what, found):
    if found:
        breach(what, found)
    print("HELD", what)

def attempt(what, action):
    try:
        got = action()
    except BaseException as error:
        print("HELD", what, type(error).__name__, str(error)[:100])
    else:
        breach(what, got)

def read(path, size=1 << 20):
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError:
        return b""

def descriptors():
    found = {}
    for fd in range(1024):
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            pass
    return found

def call(number, *args):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    got = libc.syscall(number, *args)
    return got, ctypes.get_errno()
"""

WIRE = """
import os, struct, threading, time
import msgpack

def protocol_out():
    # Among the private descriptors, the one that is open for writing.
    for fd in range(100, 256):
        try:
            flags = int(open(f"/proc/self/fdinfo/{fd}").read().split("flags:")[1].split()[0], 8)
        except OSError:
            continue
        if flags & 3 == os.O_WRONLY:
            return fd
    raise RuntimeError("no protocol to be found")

OUT = protocol_out()

def frame(tree, blobs=()):
    return raw_frame(msgpack.packb(tree), blobs)

def raw_frame(body, blobs=()):
    sizes = b"".join(struct.pack("<Q", len(blob)) for blob in blobs)
    return struct.pack("<II", len(body), len(blobs)) + sizes + body + b"".join(blobs)

def reply(tree, blobs=()):
    return frame(["=", tree, None, [0], ["", False]], blobs)

def say(data):
    view = memoryview(data)
    while len(view):
        try:
            view = view[os.write(OUT, view):]
        except BlockingIOError:
            time.sleep(0.001)

def say_and_stay(data):
    say(data)
    time.sleep(60)

def agent():
    import gc
    return next(o for o in gc.get_objects() if type(o).__name__ == "Agent")
"""


def probe(attack: str, answers: str = RIGHT) -> str:
    """Return a submission that attacks while it is loaded, and then answers."""
    return PROBE + attack + answers


def in_call(attack: str, rest: str = WRONG) -> str:
    """Return a submission that attacks when ``double`` is called, and is wrong all the same."""
    body = "\n".join(f"    {line}" for line in attack.strip().splitlines())
    return f"{PROBE}{rest}\ndef double(numbers):\n{body}\n    return list(numbers)\n"


def on_wire(attack: str, *, load: bool = False) -> str:
    """Return a wrong submission that writes to the protocol in ``double``, or when it is loaded."""
    if load:
        return WIRE + WRONG + attack
    body = "\n".join(f"    {line}" for line in attack.strip().splitlines())
    return f"{WIRE}{WRONG}\ndef double(numbers):\n{body}\n    return list(numbers)\n"
