"""I: leaving something for whoever comes next, or telling a neighbour."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import RIGHT, Row, probe

_LEAVE = """
import builtins, os, sys
for folder in ("/tmp", "/dev/shm", "/dev", "/", "/var/tmp", "/run", os.path.expanduser("~"),
               "/opt/site", "/opt/python", "/tmp/torchinductor", "/tmp/.triton", "/tmp/.cache"):
    try:
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/poison.py", "w") as file:
            file.write("raise SystemExit")
    except OSError:
        pass
builtins.poison = True
sys.modules["poison"] = sys
os.environ["POISON"] = "1"
import torch
torch.poison = True
"""

_FIND_IT = """
import builtins
found = [os.path.join(f, n) for f, d, ns in os.walk("/") if not f.startswith(("/proc", "/sys"))
         for n in [*ns, *d] if n.startswith("poison")]
import torch
forbid("files of an earlier run", found)
forbid("state of an earlier run", [hasattr(builtins, "poison"), "poison" in sys.modules,
                                   "POISON" in os.environ, hasattr(torch, "poison")].count(True))
import tempfile
forbid("files in scratch", [n for f in ("/tmp", "/dev/shm") for n in os.listdir(f)
                             if not n.startswith("torchinductor_")])
"""

_IPC = """
from multiprocessing import shared_memory
import platform
if platform.machine() == "x86_64":
    CALLS = {"shmget": (29, 0x7C1D, 4096, 0o1666), "semget": (64, 0x7C1D, 1, 0o1666),
             "msgget": (68, 0x7C1D, 0o1666), "mq_open": (240, 0, 0)}
    got = {name: call(*numbers) for name, numbers in CALLS.items()}
    forbid("System V and POSIX objects", {n: g for n, g in got.items() if g != (-1, errno.EPERM)})
forbid("objects of others", [n for n in ("/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg")
                             if len(read(n).splitlines()) > 1])
"""

_SHARE = """
import time
from multiprocessing import shared_memory, resource_tracker
memory = shared_memory.SharedMemory("attack-7c1d", create=True, size=64)
memory.buf[:4] = b"note"
time.sleep(1.2)
"""

_LOOK = """
import time
from multiprocessing import shared_memory
end = time.time() + 1
while time.time() < end:
    try:
        memory = shared_memory.SharedMemory("attack-7c1d")
        breach("shared memory", bytes(memory.buf[:4]))
    except FileNotFoundError:
        time.sleep(0.05)
print("HELD no shared memory")
"""

_FILE = "/opt/site/sandbox/wire.py"


_LISTEN = """
import socket, time
server = socket.socket(socket.AF_UNIX)
server.bind("\\0attack-7c1d")
server.listen()
time.sleep(1.2)
"""

_CONNECT = """
import socket, time
end = time.time() + 1
while time.time() < end:
    try:
        socket.socket(socket.AF_UNIX).connect("\\0attack-7c1d")
    except OSError:
        time.sleep(0.02)
    else:
        breach("a neighbour answers", "abstract socket")
print("HELD nobody answers")
"""

_MOUNTED = """
forbid("folders that can be written", [folder for folder, _, _ in os.walk("/")
       if not folder.startswith(("/proc", "/sys", "/tmp", "/dev/shm", "/dev/mqueue")) and os.access(folder, os.W_OK)])
"""

ROWS = [
    Row(
        "I01-I03",
        "leave files, modules and state for the next run",
        probe(_FIND_IT),
        accomplice=_LEAVE + RIGHT,
        shows=("HELD files of an earlier run", "HELD state"),
        layers=("own /tmp", "own /dev/shm", "single use", "sealed /dev"),
    ),
    Row(
        "I04",
        "System V and POSIX objects",
        probe(_IPC),
        shows=("HELD objects of others",),
        layers=("seccomp",),
    ),
    Row(
        "I05",
        "shared memory with a neighbour",
        probe(_LOOK),
        accomplice=_SHARE + RIGHT,
        beside=True,
        shows=("HELD no shared memory",),
        layers=("own /dev/shm",),
    ),
    Row(
        "I08",
        "abstract sockets between sandboxes",
        probe(_CONNECT),
        accomplice=_LISTEN + RIGHT,
        beside=True,
        shows=("HELD nobody answers",),
        layers=("network",),
        gate="R",
    ),
    Row(
        "I12",
        "write where others read",
        probe(_MOUNTED),
        shows=("HELD folders that can be written",),
        layers=("read-only root", "sealed /dev"),
    ),
]
