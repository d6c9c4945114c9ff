"""C: tampering with what runs in the sandbox. It may hurt itself, and nobody else."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import FULL, PROBE, RIGHT, RUNTIME, WRONG, WRONG_ANSWER, Row, probe
from tests.attacks.seen import Seen

HURT = RUNTIME | WRONG_ANSWER | {"protocol_error", "time_limit"}
"""What may come of it when a submission breaks its own process."""

_SHADOWS = """
import sys, types
for name in ("torch", "json", "struct", "random", "math", "msgpack", "numpy", "pytest", "grading"):
    sys.modules[name] = types.ModuleType(name)
class Finder:
    def find_spec(self, name, path=None, target=None): raise SystemExit(0)
sys.meta_path.insert(0, Finder())
sys.path[:] = ["/tmp"]
"""

_HOOKS = """
import atexit, builtins, gc, sys, threading, weakref
builtins.print = builtins.len = lambda *a, **k: 8
builtins.open = lambda *a, **k: (_ for _ in ()).throw(SystemExit(0))
sys.settrace(lambda *a: None)
sys.setprofile(lambda *a: None)
threading.settrace(lambda *a: None)
gc.callbacks.append(lambda *a: None)
class Thing: pass
weakref.finalize(Thing(), print)
atexit.register(lambda: 1 / 0)
sys.excepthook = sys.unraisablehook = lambda *a: None
"""

_ENCODER = """
import gc, torch
import sandbox.encoding as encoding
def forged(self, value, depth=0):
    return [0, 2, 4, 6]
encoding.Encoder.encode = forged
"""

_AGENT = """
import gc
agent = next(o for o in gc.get_objects() if type(o).__name__ == "Agent")
agent.operations["call"] = lambda number, args, kwargs: [0, 0]
agent.operations["special"] = lambda *a: True
agent.note = lambda: ["BREACH"[:0] + "noted", False]
"""

_NATIVE = {
    "a null pointer": "import ctypes; ctypes.string_at(0)",
    "a write to libc": (
        "import ctypes\n"
        "    libc = ctypes.CDLL(None)\n"
        "    ctypes.memmove(ctypes.cast(libc.getpid, ctypes.c_void_p).value, b'\\xc3', 1)"
    ),
    "an abort": "import os; os.abort()",
    "a killed self": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "a killed parent": "import os, signal; os.kill(1, signal.SIGKILL); os.kill(-1, signal.SIGKILL)",
    "endless recursion": "return double(numbers)",
    "deep native recursion": (
        "import sys; sys.setrecursionlimit(10**9)\n"
        "    x = []\n"
        "    for _ in range(10**6): x = [x]\n"
        "    return repr(x)"
    ),
}

_LIMITS = """
import resource
def raised(name, more):
    limit = getattr(resource, name)
    soft, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (more, more) if hard != resource.RLIM_INFINITY else (0, more + 1))
    return resource.getrlimit(limit)
for name in ("RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"):
    attempt("raise " + name, lambda: raised(name, 1 << 40))
attempt("RLIMIT_AS", lambda: raised("RLIMIT_AS", 1 << 46))
attempt("nice", lambda: os.nice(-20))
attempt("nice -1", lambda: os.setpriority(os.PRIO_PROCESS, 0, -1))
attempt("fifo", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
attempt("round robin", lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)))
attempt("out of memory score", lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))
groups = [os.path.join(f, n) for f, _, ns in os.walk("/sys/fs/cgroup") for n in ns
          if os.access(os.path.join(f, n), os.W_OK)]
forbid("writable control groups", groups)
attempt("control groups", lambda: os.mkdir("/sys/fs/cgroup/mine"))
attempt("reset of the clock", lambda: __import__("time").clock_settime(0, 0))
"""

_CORES = """
import os
def product(x):
    if len(x) > 100:
        before = sorted(os.sched_getaffinity(0))
        try:
            os.sched_setaffinity(0, range(os.cpu_count()))
        except OSError:
            pass
        print("CORES", before, sorted(os.sched_getaffinity(0)))
    return x @ x.T
"""

_COMPILERS = """
import subprocess
for command in (["gcc", "-v"], ["cc", "-v"], ["ld", "-v"], ["as"], ["nvcc"], ["clang"], ["make"], ["pip"], ["git"]):
    attempt(" ".join(command), lambda: subprocess.run(command, capture_output=True, timeout=1).stdout)
attempt("pip module", lambda: __import__("pip"))
def inline():
    from torch.utils.cpp_extension import load_inline
    return load_inline("x", "int f() { return 1; }", functions=["f"])
attempt("load_inline", inline)
"""

_SOURCES = {
    "nested brackets": (
        "(" * 100_000 + ")" * 100_000,
        {"syntax_error", "memory_limit", "runtime_error"},
    ),
    "nested lists": (
        "x = " + "[" * 5_000 + "]" * 5_000,
        {"syntax_error", "memory_limit", "runtime_error"},
    ),
    "nested unary": (
        "x = " + "-" * 100_000 + "1",
        {"syntax_error", "memory_limit", "runtime_error"},
    ),
    "long attribute chain": (
        "x = a" + ".b" * 100_000,
        {"syntax_error", "memory_limit", "runtime_error"},
    ),
    "a million digits": ("x = " + "9" * 1_000_000, {"syntax_error"}),
    "a NUL": (RIGHT + "\0", {"syntax_error"}),
    "a wrong coding line": ("# -*- coding: utf-7 -*-\n" + RIGHT, {"accepted", "syntax_error"}),
    "an unknown coding": ("# coding: nonsense\n" + RIGHT, {"accepted", "syntax_error"}),
    "a byte order mark": ("\ufeff" + RIGHT, {"accepted", "syntax_error"}),
    "mixed line ends": (RIGHT.replace("\n", "\r\n") + "x = 1\rz = 2\n", {"accepted"}),
    "bidi in names": ("x\u202e = 1\n" + RIGHT, {"syntax_error"}),
    "homoglyphs": ("d\u043euble = 1\n" + RIGHT, {"accepted"}),
    "lone surrogates": (RIGHT + "x = '\ud800'\n", {"accepted", "syntax_error", "runtime_error"}),
    "a long line": ("x = '" + "a" * 200_000 + "'\n" + RIGHT, {"accepted"}),
    "a wide traceback": ("x = 1 / 0 #" + "a" * 100_000, {"runtime_error"}),
    "nothing": ("", {"runtime_error"}),
}


def _call(body: str) -> str:
    return f"{WRONG}\ndef double(numbers):\n    {body}\n    return list(numbers)\n"


def _no_more_cores(seen: Seen, _: Seen | None) -> list[str]:
    lines = [line.removeprefix("CORES ") for line in seen.marked("CORES")]
    taken = [line for line in lines if len(set(line.strip("[]").split("] ["))) > 1]
    return [f"took cores: {line}" for line in taken] if lines else ["the cores were not told"]


ROWS = [
    Row("C01", "shadow modules and the import system", WRONG + _SHADOWS, HURT, 0),
    Row("C02", "patch builtins, install hooks", WRONG + _HOOKS, HURT, 0),
    Row("C03-encoder", "replace the encoder", WRONG + _ENCODER, HURT, 0),
    Row("C03-agent", "replace what the agent does", WRONG + _AGENT, HURT, 0),
    *(
        Row(f"C05-{name}", f"crash by {name}", _call(body), HURT | {"memory_limit"}, 0)
        for name, body in _NATIVE.items()
    ),
    Row(
        "C06",
        "raise limits and priority",
        probe(_LIMITS),
        shows=("HELD raise RLIMIT_NOFILE", "HELD fifo", "HELD control groups"),
        layers=("resource limits", "address limit"),
    ),
    Row(
        "C06-cores",
        "run on cores that it was kept off",
        _CORES,
        score=2,
        exercise="sprint",
        inspect=_no_more_cores,
        gate="R",
    ),
    Row("C08", "compile, install", probe(_COMPILERS), shows=("HELD gcc", "HELD load_inline")),
    *(
        Row(
            f"C09-{name}",
            f"a source with {name}",
            source,
            frozenset(expect),
            FULL if expect == {"accepted"} else None,
        )
        for name, (source, expect) in _SOURCES.items()
    ),
    Row(
        "C09-name",
        "a __file__, __name__ and line cache that lie",
        PROBE + "__file__ = '/srv/course/graders'; __name__ = '__main__'\n" + RIGHT,
    ),
]
