"""E: using up what there is. Each attack is bounded, so that it harms nobody if it succeeds."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import ACCEPTED, RIGHT, RUNTIME, TIME, WRONG, Row, on_wire, probe

PROCESSES = RUNTIME | {"process_limit"}
MEMORY = RUNTIME | {"memory_limit"}
OUTPUT = RUNTIME | {"output_limit"}

_FORK_ALL = """
import time
children = 0
try:
    for _ in range(300):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        children += 1
except OSError as error:
    print("HELD forks", children, error)
forbid("more processes than allowed", children >= 200)
"""

_FORK_TREE = """
def double(numbers):
    import os, time
    for _ in range(8):  # at most 256 in all
        os.fork()
    time.sleep(60)
"""

# By a small process: to fork one with torch sixty times takes a busy host the 2 s of a test.
_FORK_RAW = """
import os, subprocess, sys
MANY = '''
import os, time
try:
    for _ in range(300):
        if os.fork() == 0:
            time.sleep(60)
finally:
    print(flush=True)
    time.sleep(60)
'''
def double(numbers):
    many = subprocess.Popen([sys.executable, "-I", "-S", "-c", MANY], stdout=subprocess.PIPE)
    many.stdout.readline()
    if os.fork() == 0:
        os._exit(0)
    return numbers
"""

_THREAD_ALL = """
import threading, time
threads = 0
try:
    for _ in range(300):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        threads += 1
except (RuntimeError, MemoryError) as error:
    print("HELD threads", threads, error)
forbid("more threads than allowed", threads >= 200)
"""

_THREAD_RAW = """
import threading, time
def double(numbers):
    for _ in range(300):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return numbers
"""

_REFUSED = """
import mmap, numpy, torch
MORE = 600 << 20
attempt("bytearray", lambda: len(bytearray(MORE)))
attempt("numpy", lambda: numpy.ones(MORE, "u1").sum())
attempt("torch", lambda: torch.ones(MORE, dtype=torch.uint8).sum())
attempt("mmap", lambda: mmap.mmap(-1, MORE))
attempt("shared mmap", lambda: mmap.mmap(-1, MORE, mmap.MAP_SHARED))
"""

_GROW = """
def double(numbers):
    kept = []
    for _ in range(90):
        kept.append(bytearray(b"x") * (10 << 20))
    return numbers
"""

_GROW_CHILDREN = """
import os, signal, time
def grow(report):
    kept = bytearray(b"x") * (120 << 20)
    os.write(report, b"x")
    time.sleep(60)
def double(numbers):
    # Each child keeps to its own limit of addresses; only a limit on their sum can hold.
    told, report = os.pipe()
    children = [os.fork() or grow(report) for _ in range(6)]
    time.sleep(1.5)
    os.set_blocking(told, False)
    # One that was killed to make room for the last may have told before.
    alive = sum(os.waitpid(child, os.WNOHANG)[0] == 0 for child in children)
    if len(os.read(told, 64)) == alive == 6:
        raise RuntimeError("BREACH 720 MiB are held by children")
    print("HELD children", len(children))
    return [2 * number for number in numbers]
"""

_MEMFD = """
import os, resource
def double(numbers):
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    kept = []
    for _ in range(9):
        kept.append(os.memfd_create("x"))
        for _ in range(100):
            os.write(kept[-1], b"x" * (1 << 20))
    raise SystemExit("BREACH 900 MiB in memory files")
"""

_MEMFD_BOMB = """
import os, resource
def bomb(*_):
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    while True:
        try:
            os.fork()
            kept = os.memfd_create("x")
            for _ in range(100):
                os.write(kept, b"x" * (1 << 20))
        except OSError:
            pass
double = twice = tally = mean = run = bomb
"""

_FILL = """
import resource
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
def fill(folder):
    total = 0
    for number in range(26):
        with open(f"{folder}/fill{number}", "wb") as file:
            for _ in range(7):
                total += file.write(b"x" * (1 << 20))
    return total
attempt("fill FOLDER", lambda: fill("FOLDER"))
for name in os.listdir("FOLDER"):
    if name.startswith("fill"):
        os.remove(f"FOLDER/{name}")
"""

_FILL_OTHERS = """
for folder in ("/", "/dev", "/opt", "/opt/site", "/var/tmp", "/run", "/home", "/etc", "/usr", "/proc"):
    attempt("write in " + folder, lambda: open(folder + "/x", "w").write("x"))
attempt("a sparse file", lambda: os.truncate(os.open("/tmp/s", os.O_RDWR | os.O_CREAT), 1 << 40))
attempt("fallocate", lambda: os.posix_fallocate(os.open("/tmp/f", os.O_RDWR | os.O_CREAT), 0, 1 << 32))
"""

_INODES = """
def many():
    for number in range(20_000):
        os.close(os.open(f"/tmp/inode{number:08d}" + "n" * 200, os.O_CREAT | os.O_WRONLY))
    return number
attempt("inodes", many)
for name in os.listdir("/tmp"):
    if name.startswith("inode"):
        os.remove("/tmp/" + name)
def deep():
    os.chdir("/tmp")
    for depth in range(20_000):
        os.mkdir("d")
        os.chdir("d")
    return depth
attempt("depth", deep)
def links():
    open("/tmp/one", "w").close()
    for number in range(70_000):
        os.link("/tmp/one", f"/tmp/link{number}")
    return number
attempt("hard links", links)
os.chdir("/tmp")
"""

_DESCRIPTORS = """
import select, socket
def flood(open_one):
    kept = []
    try:
        for _ in range(1000):
            kept.append(open_one())
    finally:
        for one in kept:
            (os.close if type(one) is int else type(one).close)(one)
    return len(kept)
attempt("files", lambda: flood(lambda: os.open("/dev/null", os.O_RDONLY)))
attempt("epolls", lambda: flood(select.epoll))
attempt("eventfds", lambda: flood(lambda: os.eventfd(0)))
attempt("sockets", lambda: flood(lambda: socket.socket(socket.AF_UNIX)))
import platform
if platform.machine() == "x86_64":
    forbid("io_uring", call(425, 8, 0) != (-1, errno.EPERM))
"""

_PRINTS = {
    "stdout": "for _ in range(20): print('x' * (1 << 20))",
    "one line": "import sys; sys.stdout.write('x' * (100 << 20))",
    "short lines": "for _ in range(1_500_000): print('x' * 15)",
    "NULs": "import os\n    for _ in range(20): os.write(1, bytes(1 << 20))",
    "stderr": "import sys\n    for _ in range(20): print('x' * (1 << 20), file=sys.stderr)",
    "ignoring errors": (
        "import os\n"
        "    for _ in range(40):\n"
        "        try: os.write(2, b'x' * (1 << 20))\n"
        "        except OSError: pass"
    ),
    "a child": (
        "import os\n"
        "    if os.fork() == 0:\n"
        "        for _ in range(20): os.write(1, b'x' * (1 << 20))\n"
        "        os._exit(0)\n"
        "    os.wait()"
    ),
}

_LOOPS = {
    "while True": "while True: pass",
    "sleep": "import time; time.sleep(1e9 / 100)",
    "regular expression": "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')",
    "native loop": "import itertools, collections; collections.deque(itertools.repeat(1), maxlen=0)",
    "a destructor": ("class D:\n    def __del__(self):\n        while True: pass\nD()"),
    "a huge power": "x = 9 ** 9 ** 9 % 7",
    "processes that compute": "import os\nfor _ in range(3): os.fork()\nwhile True: pass",
}

_SIGNAL_PROOF = """
import os, signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        while True:
            time.sleep(1)
while True:
    time.sleep(1)
"""

_KERNEL_MEMORY = """
import platform
if platform.machine() == "x86_64":
    refused = {"unshare": (272, 0x10000000), "mq_open": (240, 0, 0), "add_key": (248, 0, 0, 0, 0, 0),
               "keyctl": (250, 0), "semget": (64, 0, 1, 0), "msgget": (68, 0, 0), "setns": (308, 0, 0),
               "bpf": (321, 0, 0, 0)}
    got = {name: call(*numbers) for name, numbers in refused.items()}
    forbid("kernel objects", {n: g for n, g in got.items() if g != (-1, errno.EPERM)})
# Names that aren't there leave entries in the kernel: they count as this group's memory.
for number in range(50_000):
    os.path.exists(f"/tmp/not-there-{number}")
print("HELD negative entries")
"""

_CORE = """
import os, resource, ctypes
print("CORE", resource.getrlimit(resource.RLIMIT_CORE))
if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
    raise RuntimeError("BREACH core files may be written")
def double(numbers): os.abort()
"""

_CRASH_EACH = """
import ctypes
def crash(*_): ctypes.string_at(0)
double = twice = tally = mean = run = crash
"""

_SLEEP_EACH = """
import time
def late(*_):
    time.sleep(1.7)
    return 0
double = twice = tally = mean = run = late
"""

# What the sandbox itself could never hold: the same bytes again and again, as a tensor of flags,
# of which the grader makes a copy.
_HOARD = """
SIZE, PART = 900 << 20, bytes(1 << 20)
say(struct.pack("<IIQ", len(body := msgpack.packb(
    ["=", [8, 0, "bool", [SIZE], False], None, [0], ["", False]])), 1, SIZE) + body)
for _ in range(SIZE >> 20):
    say(PART)
time.sleep(60)
"""

_BIG_REPLY = """
import torch
def twice(tensor): return torch.zeros(1).expand(1 << 29)
def double(numbers): return [0] * (20 << 20)
"""


def _call(body: str, rest: str = RIGHT) -> str:
    answer = "    return [2 * number for number in numbers]"
    return f"{rest}\ndef double(numbers):\n    {body}\n{answer}\n"


BUSY = _LOOPS["processes that compute"] + "\n" + RIGHT
"""Keeps its cores busy until it is stopped."""

ROWS = [
    Row(
        "E01",
        "fork until it is refused",
        probe(_FORK_ALL),
        ACCEPTED,
        shows=("HELD forks",),
        layers=("process limit",),
        with_neighbour=True,
    ),
    Row(
        "E01-tree",
        "fork exponentially",
        WRONG + _FORK_TREE,
        PROCESSES | TIME,
        0,
        with_neighbour=True,
    ),
    Row(
        "E01-raw",
        "fork and pass the refusal on",
        WRONG + _FORK_RAW,
        PROCESSES,
        0,
        layers=("process limit",),
    ),
    Row(
        "E02",
        "start threads until it is refused",
        probe(_THREAD_ALL),
        ACCEPTED,
        shows=("HELD threads",),
        layers=("process limit",),
        with_neighbour=True,
    ),
    Row(
        "E02-raw",
        "start threads and pass the refusal on",
        WRONG + _THREAD_RAW,
        PROCESSES | MEMORY,
        0,
    ),
    Row(
        "E03",
        "ask for more memory than there is",
        probe(_REFUSED),
        ACCEPTED,
        shows=("HELD bytearray", "HELD torch"),
        layers=("address limit",),
    ),
    Row("E03-grow", "grow until it ends", WRONG + _GROW, MEMORY, 0, with_neighbour=True),
    Row(
        "E03-children",
        "grow in children, each below its own limit",
        RIGHT + _GROW_CHILDREN,
        ACCEPTED | MEMORY | TIME,
        None,
        layers=("memory limit",),
        with_neighbour=True,
    ),
    Row("E04-memfd", "fill memory files", WRONG + _MEMFD, MEMORY, 0, layers=("memory limit",)),
    Row(
        "E04-bomb",
        "fork without end, each process with memory files",
        WRONG + _MEMFD_BOMB,
        MEMORY | PROCESSES | TIME,
        0,
    ),
    *(
        Row(
            f"E07-{folder}",
            f"fill {folder}",
            probe(_FILL.replace("FOLDER", folder)),
            shows=(f"HELD fill {folder}",),
            layers=("scratch size",),
        )
        for folder in ("/tmp", "/dev/shm")
    ),
    Row(
        "E07-others",
        "write elsewhere, sparsely, beyond the size of a file",
        probe(_FILL_OTHERS),
        shows=("HELD write in /", "HELD a sparse file"),
        layers=("read-only root", "sealed /dev"),
    ),
    Row(
        "E08",
        "use up inodes",
        probe(_INODES),
        shows=("HELD inodes", "HELD depth", "HELD hard links"),
        layers=("inodes",),
    ),
    Row(
        "E09",
        "use up descriptors",
        probe(_DESCRIPTORS),
        shows=("HELD files", "HELD epolls"),
        layers=("resource limits", "seccomp"),
    ),
    *(
        Row(
            f"E10-{name}",
            f"flood the output: {name}",
            _call(body),
            OUTPUT,
            None,
            layers=("output cap",),
            with_neighbour=name == "stdout",
        )
        for name, body in _PRINTS.items()
    ),
    Row(
        "E12-reply", "reply with gigabytes", WRONG + _BIG_REPLY, MEMORY | TIME | {"wrong_answer"}, 0
    ),
    Row(
        "E12-hoard",
        "reply with more than a sandbox holds, in each call",
        on_wire(_HOARD),
        MEMORY | TIME | {"wrong_answer"},
        0,
    ),
    Row(
        "E13-each",
        "sleep in each call, within each test's limit",
        WRONG + _SLEEP_EACH,
        TIME | {"wrong_answer"},
        0,
    ),
    *(
        Row(
            f"E13-{name}",
            f"never end: {name}",
            body + "\n" + RIGHT,
            TIME,
            0,
            with_neighbour=name == "processes that compute",
        )
        for name, body in _LOOPS.items()
    ),
    Row(
        "E13-call",
        "never end in each call",
        WRONG
        + "def double(numbers):\n    while True: pass\ntwice = tally = mean = double\ndef run(model, x): double(x)\n",
        TIME,
        0,
    ),
    Row("E14", "ignore every signal", _SIGNAL_PROOF + RIGHT, TIME, 0),
    Row(
        "E16",
        "fill the kernel's memory",
        probe(_KERNEL_MEMORY),
        shows=("HELD negative entries",),
        layers=("seccomp",),
        gate="R",
    ),
    Row(
        "E17",
        "dump core",
        RIGHT + _CORE,
        RUNTIME,
        None,
        shows=(),
        layers=("resource limits",),
        gate="R",
    ),
    Row("E18", "crash in every call", WRONG + _CRASH_EACH, RUNTIME, 0, gate="R"),
]
