"""A: reading what is secret: tests, reference, expected values, environment, other learners."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import RIGHT, WRONG, WRONG_ANSWER, Row, probe
from tests.attacks.seen import Seen

_WALK = """
NAMES = re.compile(r"test_(hidden|visible)|solution|answers|proven\\.json|exercise\\.toml|"
                   r"(^|/)reference\\.py$|/graders(/|$)|/exercises(/|$)|\\.git(/|$)|\\.ssh(/|$)")
found = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc/", "/sys/")):
        folders[:] = []
        continue
    ours = folder.startswith(("/opt/site", "/opt/python"))
    for name in [*files, *folders]:
        path = os.path.join(folder, name)
        if NAMES.search(path) and not (ours and name in ("reference.py", "solution.py")):
            found.append(path)
        elif not ours and name.endswith((".py", ".toml", ".json", ".pt", ".env")):
            found += [path] if PATTERN.search(read(path)) else []
forbid("walk", found)
"""

_PROC = """
mine, found = os.getpid(), []
pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
names = []
for pid in pids:
    environ = read(f"/proc/{pid}/environ")
    names += [entry.split(b"=")[0].decode() for entry in environ.split(b"\\0") if entry]
    for file in ("environ", "cmdline", "maps", "mountinfo"):
        if PATTERN.search(read(f"/proc/{pid}/{file}")):
            found.append((pid, file))
for link in ("cwd", "root", "exe"):
    try:
        open(f"/proc/1/{link}/etc/passwd").close()
        found.append(link)
    except OSError:
        pass
forbid("canaries in proc", found)
forbid("processes of others", len(pids) > 4)
known = {"PATH", "HOME", "USER", "LANG", "OMP_NUM_THREADS", "PYTHONHASHSEED", "PWD", "LC_CTYPE",
         "TORCHINDUCTOR_CACHE_DIR", "HOSTNAME", "MALLOC_MMAP_THRESHOLD_",
         "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_ARENA_MAX"}
forbid("environment", sorted(set(names) - known))
forbid("os.environ", sorted(set(os.environ) - known))
"""

_FILES = """
home = os.environ.get("HOME", "/root")
paths = ["/run/secrets", "/var/run/secrets", f"{home}/.aws", f"{home}/.netrc", f"{home}/.docker",
         "/root/.aws", "/root/.ssh", "/etc/shadow", "/etc/passwd-", "/root/.netrc"]
def readable(path):
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else open(path).read())
    except OSError:
        return False
forbid("secret files", [path for path in paths if readable(path)])
forbid("an entry of /etc", [name for name in (os.listdir("/etc") if os.path.isdir("/etc") else [])
                            if "secret" in name])
"""

_DESCRIPTORS = """
links = descriptors()
pipes = [fd for fd, name in links.items() if name.startswith(("pipe:", "/opt/stream/"))]
others = {fd: name for fd, name in links.items()
          if fd not in pipes and name != "/dev/null" and "(deleted)" not in name
          and not name.startswith("/proc/")}
forbid("more than two pipes", len(pipes) > 2 and links)
forbid("other descriptors", others)
# What is left is read: a leaked file need not have a telling name.
for fd in links:
    if fd not in pipes:
        try:
            forbid(f"content of {fd}", PATTERN.search(os.pread(fd, 1 << 16, 0)))
        except OSError:
            pass
"""

_MEMORY = """
import gc, types
found = []
frame = sys._getframe()
while frame is not None:
    found += [name for name, value in frame.f_locals.items()
              if type(value) is str and name != "source" and PATTERN.search(value.encode("utf8", "replace"))]
    frame = frame.f_back
forbid("frames", found)
names = {type(thing).__module__ for thing in gc.get_objects()}
forbid("objects of the grader", sorted(n for n in names if str(n).startswith(("grading", "_pytest"))))
forbid("modules of the grader", sorted(n for n in sys.modules if n.startswith(("grading", "pytest", "_pytest", "django", "curriculum"))))
regions, STEP = [], 4 << 20
for line in open("/proc/self/maps"):
    span, mode, _, _, inode, *_ = line.split()
    begin, end = (int(text, 16) for text in span.split("-"))
    if mode.startswith("rw") and "[v" not in line and end - begin <= 1 << 28:
        regions += [(at, min(at + STEP + 64, end)) for at in range(begin, end, STEP)]
memory = os.open("/proc/self/mem", os.O_RDONLY)
for begin, end in regions:
    try:
        hits = PATTERN.findall(os.pread(memory, end - begin, begin))
    except OSError:
        continue
    forbid("memory", hits) if hits else None
print("HELD memory of", len(regions), "regions")
"""

_IMPORTS = """
import importlib, importlib.metadata
for name in ("reference", "test_hidden", "grading", "grading.checks", "conftest", "solution"):
    attempt(f"import {name}", lambda: importlib.import_module(name))
forbid("metadata", [d.name for d in importlib.metadata.distributions() if "course" in (d.name or "")])
"""

_LEFTOVERS = """
found = [path for path in ("/root/.cache", "/home", "/var/lib/docker", "/var/cache/apt/archives",
                           "/.git", "/opt/site/.git", "/mnt", "/src", "/repo")
         if os.path.isdir(path) and any(os.scandir(path))]
forbid("leftovers of the build", found)
"""

_PRINTS = """
import builtins
def shown(values):
    print("HELD inputs are the learner's to see:", values)
def double(numbers):
    shown(numbers)
    return [2 * number for number in numbers]
"""

_KERNEL = """
def secret(path):
    text = read(path, 4096)
    return path if text.strip() and re.search(rb"[1-9a-f]{8}", text.split()[0]) else None
forbid("kernel symbols", [p for p in ("/proc/kallsyms", "/proc/modules") if secret(p)])
forbid("kernel memory", [p for p in ("/proc/kcore", "/proc/kpageflags") if read(p, 64)])
forbid("keys", read("/proc/keys", 4096))
forbid("timers", read("/proc/timer_list", 4096))
import platform
if platform.machine() == "x86_64":
    numbers = {"ptrace": 101, "process_vm_readv": 310, "perf_event_open": 298, "kcmp": 312,
               "pidfd_getfd": 438}
    got = {name: call(number, 0, 0, 0, 0, 0) for name, number in numbers.items()}
    forbid("calls", {n: g for n, g in got.items() if g != (-1, errno.EPERM)})
"""

_NOTE = """
import time
for folder in ("/tmp", "/dev/shm"):
    with open(folder + "/note-of-a-learner", "w") as file:
        file.write("mine")
time.sleep(1.2)
"""

_LOOK_FOR_NOTES = """
import time
end = time.time() + 1
while time.time() < end:
    found = [os.path.join(f, n) for f in ("/tmp", "/dev/shm", "/var/tmp", "/dev/mqueue")
             if os.path.isdir(f) for n in os.listdir(f) if "note" in n]
    if found:
        breach("another learner's files", found)
    time.sleep(0.05)
print("HELD no files of others")
"""

_WEIRD = """
class Odd:
    def __repr__(self): return "/srv/odd"
    def __len__(self): raise ValueError("len")
def double(numbers): return Odd()
def twice(tensor): return (value for value in [1])
def tally(words): return Odd
def mean(numbers): return double
def run(model, x): return {1: Odd(), "x": [Odd]}
"""


def _inputs_differ(seen: Seen, other: Seen | None) -> list[str]:
    assert other is not None
    mine, theirs = seen.marked("INPUTS"), other.marked("INPUTS")
    if not mine or not theirs:
        return ["the inputs were not seen"]
    return ["two submissions got the same inputs"] if mine & theirs else []


def _draws_differ(seen: Seen, other: Seen | None) -> list[str]:
    assert other is not None
    mine, theirs = seen.marked("DRAW"), other.marked("DRAW")
    return [] if mine and theirs and not mine & theirs else [f"same random state: {mine & theirs}"]


_SHOW_INPUTS = (
    RIGHT
    + """
def double(numbers):
    print("INPUTS", numbers)
    return [2 * number for number in numbers]
"""
)
_DRAW = """
import random, numpy
print("DRAW", random.random())
print("DRAW", numpy.random.rand())
"""

ROWS = [
    Row(
        "A01",
        "walk the file system for tests, references, answers",
        probe(_WALK),
        shows=("HELD walk",),
    ),
    Row(
        "A02",
        "read what /proc tells of other processes, and their environments",
        probe(_PROC),
        shows=("HELD environment", "HELD processes of others"),
        layers=("own /proc", "environment", "pid namespace"),
    ),
    Row("A03", "read files where secrets usually are", probe(_FILES), shows=("HELD secret files",)),
    Row(
        "A04",
        "use inherited descriptors",
        probe(_DESCRIPTORS),
        shows=("HELD other descriptors",),
        layers=("descriptors", "template's socket"),
    ),
    Row(
        "A05",
        "search frames, objects, modules and memory of the runner",
        probe(_MEMORY),
        shows=("HELD memory", "HELD frames"),
    ),
    Row(
        "A06",
        "import the reference or the grader by name",
        probe(_IMPORTS),
        shows=("HELD import reference",),
    ),
    Row(
        "A09",
        "find history, caches and leftovers of the build",
        probe(_LEFTOVERS),
        shows=("HELD leftovers",),
    ),
    Row(
        "A10",
        "print the inputs of hidden tests: fresh ones, so no secret, and nothing else comes along",
        RIGHT + _PRINTS,
        shows=("HELD inputs",),
    ),
    Row(
        "A12",
        "foresee the inputs of the next run",
        _SHOW_INPUTS,
        accomplice=_SHOW_INPUTS,
        inspect=_inputs_differ,
    ),
    Row(
        "A12b",
        "have the same random state as another sandbox",
        _DRAW + RIGHT,
        accomplice=_DRAW + RIGHT,
        inspect=_draws_differ,
        layers=("reseeding",),
    ),
    Row(
        "A13",
        "trace processes, read the kernel's symbols, keys and timers",
        probe(_KERNEL),
        shows=("HELD kernel memory",),
        layers=("seccomp", "masked paths"),
        gate="R",
    ),
    Row(
        "A14",
        "read the files of another learner who is being graded",
        probe(_LOOK_FOR_NOTES),
        accomplice=_NOTE + RIGHT,
        beside=True,
        shows=("HELD no files of others",),
        layers=("own /tmp", "own /dev/shm"),
    ),
    Row(
        "A15",
        "fail an assertion whose text names the expected value",
        WRONG + "def mean(numbers): return sum(numbers) / len(numbers) + 1e-3\n",
        WRONG_ANSWER,
        0,
        layers=("assertion texts",),
    ),
    Row("A16", "make the grader stumble over odd results", WRONG + _WEIRD, WRONG_ANSWER, 0),
]
