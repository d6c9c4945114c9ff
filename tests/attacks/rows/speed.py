"""D: cheating on speed. All are four times too slow, so none may be accepted."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import WRONG_ANSWER, Row

SLOW = """
import torch
def slowly(x):
    for _ in range(4):
        y = x @ x.T
    return y
def product(x): return slowly(x)
"""
QUICK = "def product(x): return x @ x.T\n"
CAUGHT = WRONG_ANSWER | {"too_slow", "time_limit"}
"""Not "accepted", and no error either: then the cheat itself would not have worked."""

_FIND = """
import gc
def find(name):
    return next(o for o in gc.get_objects() if type(o).__name__ == name)
"""

_BY_ID = """
cache = {}
def product(x):
    key = (id(x), x.data_ptr(), x._version)
    if key not in cache:
        cache[key] = slowly(x)
    return cache[key]
"""

_BY_SHAPE = """
cache = {}
def product(x):
    key = (tuple(x.shape), x.dtype, round(float(x[0, 0]), 0))
    if key not in cache:
        cache[key] = slowly(x)
    return cache[key]
"""

_LAZY = """
def product(x):
    if len(x) < 100:
        return slowly(x)
    class Handle:
        shape = (len(x), len(x))
        def __iter__(self): return iter(())
    return Handle()
"""

_THREAD = """
import threading
def product(x):
    if len(x) < 100:
        return slowly(x)
    out = torch.empty(len(x), len(x))
    threading.Thread(target=lambda: out.copy_(slowly(x))).start()
    return out
"""

_OPEN = (
    _FIND
    + """
from sandbox import cipher, commitment
timing, ready = find("Timing"), {}
def ahead():
    # What is here of the next call's inputs, and what follows from them.
    for body, *blobs in (timing._sealed, cipher.apply(bytes(16), timing._sealed, cipher.buffers(timing._sealed))):
        try:
            x, = commitment.unseal(bytearray(body), [bytearray(blob) for blob in blobs])
            ready[float(x[0, 0])] = slowly(x)
        except Exception:
            pass
def product(x): return ready.pop(float(x[0, 0])) if float(x[0, 0]) in ready else slowly(x)
"""
)

_AHEAD = (
    _OPEN
    + """
import threading
def watch():
    # As soon as the inputs of a call are there, and before it is asked for.
    seen = None
    while True:
        if timing._sealed is not seen:
            seen = timing._sealed
            ahead()
threading.Thread(target=watch, daemon=True).start()
"""
)

_IN_PREPARE = (
    _OPEN
    + """
def prepared(number, parts):
    honest(number, parts)
    ahead()
operations = find("Agent").operations
honest = operations["prepare"]
operations["prepare"] = prepared
"""
)

_SEEDS = """
# What a generator gives tells its seed, and the seed what it gives next. (Of torch's 32 bits here
# only 12 are tried, so that a row takes no time; in C all are.)
searched, made = [], {}
def search(key):
    generator = torch.Generator()
    for seed in range(1 << 12):
        generator.manual_seed(seed)
        if float(torch.randn(16, generator=generator)[0]) == key:
            return generator.manual_seed(seed)
def product(x):
    key = float(x[0, 0])
    if key in made:
        return made[key]
    if len(x) > 100 and not searched:
        searched.append(search(key))
        for _ in range(64 if searched[0] else 0):
            y = torch.randn(x.shape, generator=searched[0])
            made[float(y[0, 0])] = slowly(y)
    return slowly(x)
"""

_WAKING = """
import ctypes, os, signal, struct, time
libc = ctypes.CDLL(None)
def helper(agent):
    # A timer of the kernel's sends what undoes a stop.
    signal.signal(signal.SIGCONT, lambda *_: None)
    timer = ctypes.c_void_p()
    libc.timer_create(1, struct.pack("<qii48x", 0, signal.SIGCONT, 0), ctypes.byref(timer))
    while True:
        libc.timer_settime(timer, 0, struct.pack("<qqqq", 0, 0, 0, 3_000_000), None)
        stat = open(f"/proc/{agent}/stat").read().rpartition(")")[2].split()
        if stat[0] != "T":  # the agent isn't stopped: it's our own turn
            time.sleep(0.002)
            continue
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass
helpers = []
def product(x):
    if len(x) > 100 and not helpers:
        for _ in range(5):
            agent, pid = os.getpid(), os.fork()
            if pid == 0:
                try:
                    helper(agent)
                finally:  # the agent has been replaced
                    os._exit(0)
            helpers.append(pid)
    return slowly(x)
"""

_SLOW_ECHO = (
    _FIND
    + """
import time
spent = [0.0]
def product(x):
    begin = time.perf_counter()
    y = slowly(x)
    spent[0] = time.perf_counter() - begin
    return y
operations = find("Agent").operations
honest = operations["echo"]
def echo():
    # What an echo takes is subtracted from what the call took.
    time.sleep(spent[0] * 0.9)
    return honest()
operations["echo"] = echo
"""
)

_FORGED_RESULT = (
    _FIND
    + """
operations = find("Agent").operations
operations["timed"] = lambda key: ANSWER
"""
)

_LATE_WORK = (
    _FIND
    + """
# A digest of anything stops the clock; the work is done when the result is asked for.
agent, timing = find("Agent"), find("Timing")
honest = agent.operations["reveal"]
def timed(key):
    timing._key = key
    return b"x" * 32
def reveal():
    timing._result = timing._function(*timing._opened(timing._plain))
    return honest()
agent.operations |= {"timed": timed, "reveal": reveal}
def product(x): return slowly(x)
"""
)

_HOGS = """
import os, signal, time
hogs = []
def product(x):
    if len(x) < 100:
        return slowly(x)
    if not hogs:
        for _ in range(12):
            pid = os.fork()
            if pid == 0:
                while True:
                    pass
            hogs.append(pid)
    for pid in hogs:
        os.kill(pid, signal.SIGSTOP)
    y = slowly(x)
    for pid in hogs:
        os.kill(pid, signal.SIGCONT)  # now it is the reference's turn
    return y
"""

_CLOCKS = """
import time
for name in ("time", "perf_counter", "monotonic", "process_time", "perf_counter_ns", "time_ns", "monotonic_ns"):
    setattr(time, name, lambda: 0)
import torch.utils.benchmark
torch.utils.benchmark.Timer = None
"""

_HALF_PRECISION = """
def product(x):
    if len(x) < 100:
        return slowly(x)
    return (x.bfloat16() @ x.bfloat16().T).float()
"""

_UNFINISHED = """
def product(x):
    if len(x) < 100:
        return slowly(x)
    return torch.empty(len(x), len(x))
"""

_CONSTANT = """
first = []
def product(x):
    if len(x) < 100:
        return slowly(x)
    first.append(slowly(x)) if not first else None
    return first[0]
"""

_ZEROS = "def product(x): return slowly(x) if len(x) < 100 else torch.zeros(len(x), len(x))\n"

_COARSE = """
def product(x):
    if len(x) < 100:
        return slowly(x)
    y = x[:, ::2] @ x[:, ::2].T  # half of the work
    return 2 * y
"""

_SLOW_WARM_UP = """
import time
calls = [0]
def product(x):
    calls[0] += 1
    if calls[0] < 6:
        time.sleep(0.3)
    return slowly(x)
"""

_THREADS = """
import os
torch.set_num_threads(8)
os.environ["OMP_NUM_THREADS"] = "8"
try:
    os.sched_setaffinity(0, range(os.cpu_count()))
except OSError:
    pass
def product(x):
    return slowly(x)
"""

_SLEEPS = """
import time
def product(x):
    if len(x) > 100:
        time.sleep(30)
    return x @ x.T
"""

ROWS = [
    Row("D01", "cache by id, address and version", SLOW + _BY_ID, CAUGHT, None),
    Row(
        "D02",
        "cache by shape and first value",
        SLOW + _BY_SHAPE,
        CAUGHT,
        None,
        layers=("check of timed results", "fresh inputs"),
    ),
    Row("D04", "return a handle before the work is done", SLOW + _LAZY, CAUGHT, None),
    Row(
        "D05-thread",
        "compute in a thread after the reply",
        SLOW + _THREAD,
        CAUGHT,
        None,
        layers=("check of timed results",),
    ),
    Row(
        "D05-ahead",
        "compute in a thread as soon as the inputs are there",
        SLOW + _AHEAD,
        CAUGHT,
        None,
        layers=("enciphered inputs",),
        gate="R",
    ),
    Row(
        "D05-prepare",
        "compute while the inputs arrive",
        SLOW + _IN_PREPARE,
        CAUGHT,
        None,
        layers=("enciphered inputs",),
        gate="R",
    ),
    Row(
        "D08", "half of the work", SLOW + _COARSE, CAUGHT, None, layers=("check of timed results",)
    ),
    Row(
        "D08-bfloat16",
        "half of the precision",
        SLOW + _HALF_PRECISION,
        CAUGHT,
        None,
    ),
    Row(
        "D09",
        "uninitialised memory",
        SLOW + _UNFINISHED,
        CAUGHT,
        None,
        layers=("check of timed results",),
    ),
    Row(
        "D10-constant",
        "always the first result",
        SLOW + _CONSTANT,
        CAUGHT,
        None,
        layers=("check of timed results",),
    ),
    Row("D10-zeros", "zeros", SLOW + _ZEROS, CAUGHT, None, layers=("check of timed results",)),
    Row("D12", "slow warm-up calls", SLOW + _SLOW_WARM_UP, CAUGHT, None),
    *(
        Row(
            f"D13-{name}",
            f"a forged digest: {name}",
            SLOW + _FORGED_RESULT.replace("ANSWER", answer),
            CAUGHT,
            None,
        )
        for name, answer in {
            "zeros": "bytes(32)",
            "a list": "[0.0, 0.0]",
            "huge ints": "[10 ** 400, 10 ** 400]",
            "nothing": "None",
            "text": "'0' * 32",
        }.items()
    ),
    Row(
        "D22-late",
        "stop the clock at a digest, compute when the result is asked for",
        SLOW + _LATE_WORK,
        CAUGHT,
        None,
        layers=("digest before result",),
        gate="R",
    ),
    Row(
        "D14", "hog the core while it is the reference's turn", SLOW + _HOGS, CAUGHT, None, gate="R"
    ),
    Row(
        "D27",
        "undo every stop in the reference's turn, and hog its core",
        SLOW + _WAKING,
        CAUGHT,
        None,
        layers=("frozen turns",),
        gate="R",
    ),
    Row(
        "D29",
        "find the generator's seed, and compute what it will give",
        SLOW + _SEEDS,
        CAUGHT,
        None,
        layers=("keyed draws",),
        gate="R",
    ),
    Row("D17", "more threads and cores", SLOW + _THREADS, CAUGHT, None),
    Row("D23", "slow echoes, which are subtracted", SLOW + _SLOW_ECHO, CAUGHT, None),
    Row("D24", "sleep in the timed calls", SLOW + _SLEEPS, CAUGHT, None),
    Row("C07", "patch the clocks", SLOW + _CLOCKS, CAUGHT, None),
]
_QUADRATIC = """
def total(text):
    found = 0
    for end in range(len(text)):
        found += text[: end + 1].count("a") - text[:end].count("a")
    return found
"""
_PADDED = """
import time
def total(text):
    # Small inputs take as long as would be linear, so that large ones seem to be.
    begin = time.perf_counter()
    found = quadratic(text)
    while time.perf_counter() < begin + 8e-6 * len(text):
        pass
    return found
""" + _QUADRATIC.replace("total", "quadratic")

ROWS = [Row(**{**vars(row), "exercise": "sprint"}) for row in ROWS]
ROWS += [
    Row("D28", "grow like the square of the size", _QUADRATIC, CAUGHT, None, exercise="climb"),
    Row(
        "D28-padded",
        "pad what is small, so that growth looks linear",
        _PADDED,
        CAUGHT,
        None,
        layers=("bound at the largest size",),
        exercise="climb",
    ),
]
