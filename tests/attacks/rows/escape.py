"""G and H: the network, and the preconditions of an escape to the host."""

# ruff: noqa: E501  (hostile texts stay as they would be handed in)

from __future__ import annotations

from tests.attacks.rows.base import CHECKOUT, RIGHT, Row, probe
from tests.attacks.seen import Seen

_SOCKETS = """
import socket
FAMILIES = {"inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "bluetooth": 31, "alg": 38,
            "vsock": 40, "xdp": 44, "can": 29, "rds": 21, "tipc": 30}
for name, family in FAMILIES.items():
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        attempt(f"socket {name}", lambda: socket.socket(family, kind))
attempt("socketpair inet", lambda: socket.socketpair(socket.AF_INET))
"""

_REACH = """
import socket
TARGETS = [("1.1.1.1", 53), ("169.254.169.254", 80), ("fd00:ec2::254", 80), ("172.17.0.1", 6379),
           ("127.0.0.1", 6379), ("127.0.0.1", 5432), ("127.0.0.1", 2375), ("10.0.0.1", 2376)]
for host, port in TARGETS:
    attempt(f"connect {host}:{port}", lambda: socket.create_connection((host, port), timeout=0.3))
for name in ("metadata.google.internal", "example.com", "redis", "localhost"):
    attempt(f"resolve {name}", lambda: [a for a in socket.getaddrinfo(name, 80) if socket.create_connection((name, 80), 0.3)])
"""

_INTERFACES = """
lines = read("/proc/net/dev").decode().splitlines()[2:]
forbid("interfaces", [line for line in lines if line.split(":")[0].strip() != "lo"])
forbid("traffic", [line for line in lines if sum(map(int, line.split(":")[1].split()))])
routes = read("/proc/net/route").decode().splitlines()[1:]
forbid("routes", routes)
resolvers = [line for line in read("/etc/resolv.conf").decode().splitlines() if line.startswith("nameserver")]
forbid("resolvers", [line for line in resolvers if "127.0.0.1" not in line])
"""

_UNIX = """
import socket
found = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        folders[:] = []
        continue
    for name in files:
        path = os.path.join(folder, name)
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                found.append(path)
        except OSError:
            pass
forbid("sockets in the file system", found)
forbid("abstract sockets", [line for line in read("/proc/net/unix").decode().splitlines()[1:] if "@" in line])
for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/dbus/system_bus_socket"):
    attempt(f"connect {path}", lambda: socket.socket(socket.AF_UNIX).connect(path))
"""

_STATUS = """
status = dict(line.split(":", 1) for line in read("/proc/self/status").decode().splitlines())
forbid("capabilities", {n: status[n].strip() for n in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status[n], 16)})
forbid("privileges to come", status["NoNewPrivs"].strip() != "1")
forbid("no filter", status["Seccomp"].strip() != "2")
forbid("root", 0 in os.getresuid() + os.getresgid())
forbid("groups", [g for g in os.getgroups() if g not in (os.getgid(), 65534)])
"""

_SETUID = """
found = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        folders[:] = []
        continue
    for name in files:
        path = os.path.join(folder, name)
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            continue
        if mode & (stat.S_ISUID | stat.S_ISGID) and stat.S_ISREG(mode):
            found.append(path)
forbid("set-user-id programs", found)
for path in ("/tmp", "/dev/shm"):
    flags = os.statvfs(path).f_flag
    forbid(f"{path} takes set-user-id or devices", not (flags & os.ST_NOSUID and flags & os.ST_NODEV))
"""

_NAMESPACES = """
import platform
if platform.machine() == "x86_64":
    FLAGS = {"user": 0x10000000, "mount": 0x20000, "net": 0x40000000, "pid": 0x20000000, "ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000}
    got = {name: call(272, flag) for name, flag in FLAGS.items()}
    forbid("unshare", {n: g for n, g in got.items() if g[0] == 0})
    got = {name: call(56, flag | 17, 0, 0, 0, 0) for name, flag in FLAGS.items()}
    if any(g[0] == 0 for g in got.values()):
        os._exit(0)  # the child of a clone
    forbid("clone", {n: g for n, g in got.items() if g[0] != -1})
    forbid("clone3", call(435, 0, 0) != (-1, errno.ENOSYS))
    forbid("setns", call(308, os.open("/proc/self/ns/user", os.O_RDONLY), 0)[0] == 0)
"""

_SYSTEM_FILES = """
FILES = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger",
         "/proc/sys/kernel/hotplug", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent",
         "/sys/fs/cgroup/memory/release_agent", "/proc/sys/vm/panic_on_oom", "/proc/1/oom_score_adj",
         "/proc/self/attr/current"]
for path in FILES[:8]:
    attempt("write " + path, lambda: open(path, "r+b"))
forbid("/proc/sys can be written", not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY)
forbid("/ can be written", not os.statvfs("/").f_flag & os.ST_RDONLY)
"""

_MOUNTS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
attempt("mount", lambda: 1 // (libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0))
attempt("bind", lambda: 1 // (libc.mount(b"/opt", b"/tmp", None, 4096, None) == 0))
attempt("umount", lambda: 1 // (libc.umount2(b"/proc", 2) == 0))
attempt("chroot", lambda: os.chroot("/tmp"))
import platform
if platform.machine() == "x86_64":
    refused = {"pivot_root": 155, "fsopen": 430, "move_mount": 429, "open_tree": 428, "mount_setattr": 442,
               "open_by_handle_at": 304, "name_to_handle_at": 303}
    got = {name: call(number, 0, 0, 0, 0, 0) for name, number in refused.items()}
    forbid("mount calls", {n: g for n, g in got.items() if g != (-1, errno.EPERM)})
writable = []
for line in read("/proc/self/mounts").decode().splitlines():
    _, target, kind, options, *_ = line.split()
    own = ("/tmp", "/dev/shm", "/proc", "/opt/stream/out")
    if "rw" in options.split(",") and target not in own and os.access(target, os.W_OK):
        writable.append((target, kind))
forbid("writable mounts", [w for w in writable if w[1] not in ("devpts", "mqueue", "cgroup", "cgroup2")
                           and not w[0].startswith(("/dev", "/proc/"))])
"""

_DEVICES = """
attempt("mknod", lambda: os.mknod("/tmp/device", 0o600 | stat.S_IFBLK, os.makedev(8, 0)))
known = {"null", "zero", "full", "random", "urandom", "tty", "stdin", "stdout", "stderr", "fd", "core", "ptmx", "pts", "shm", "console", "mqueue"}
forbid("devices", sorted(set(os.listdir("/dev")) - known))
attempt("terminal", lambda: open("/dev/tty", "r+b"))
forbid("terminals of others", [name for name in os.listdir("/dev/pts") if name != "ptmx"])
forbid("a terminal", [fd for fd in range(3) if os.isatty(fd)])
import fcntl, termios
attempt("TIOCSTI", lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x"))
"""

_CALLS = """
import platform
if platform.machine() == "x86_64":
    REFUSED = {"bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248,
               "request_key": 249, "kexec_load": 246, "init_module": 175, "ptrace": 101, "process_vm_writev": 311,
               "io_uring_setup": 425, "personality": 135, "quotactl": 179, "syslog": 103, "acct": 163, "swapon": 167,
               "vmsplice": 278, "memfd_secret": 447, "settimeofday": 164, "reboot": 169, "iopl": 172}
    got = {name: call(number, 0, 0, 0, 0, 0) for name, number in REFUSED.items()}
    forbid("calls", {n: g for n, g in got.items() if g != (-1, errno.EPERM)})
    pid = os.fork()  # some filters answer with a signal
    if pid == 0:
        os._exit(42 if call(0x40000000 | 39)[0] != -1 else 0)
    forbid("x32", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42)
print("HELD calls of this machine")
"""

_FOREIGN = """
import ctypes, mmap, platform
if platform.machine() == "x86_64":
    code = bytes.fromhex("b814000000cd80c3")  # getpid by the 32-bit gate
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    pid = os.fork()
    if pid == 0:
        got = function()
        os._exit(0 if got < 0 else 42)
    _, status = os.waitpid(pid, 0)
    forbid("a call through the 32-bit gate", os.WIFEXITED(status) and os.WEXITSTATUS(status) == 42)
print("HELD foreign calls")
"""

_OUTSIDE = (
    """
outside = []
for fd, name in descriptors().items():
    if os.path.isdir(f"/proc/self/fd/{fd}") and not name.startswith("/proc/"):
        outside.append((fd, name))
forbid("folders held open", outside)
forbid("current folder", os.getcwd() not in ("/tmp", "/"))
"""
    + f"""
forbid("above the root", os.path.isdir("/proc/self/root/..{CHECKOUT}"))
forbid("above the current folder", os.path.isdir("../../../..{CHECKOUT}"))
"""
)

_SYS = """
import glob
forbid("/sys", os.listdir("/sys") if os.path.isdir("/sys") else [])
"""

_TELLS_NAMESPACES = """
import os, time
for name in ("pid", "net", "ipc", "mnt", "uts", "cgroup"):
    print("NAMESPACE", name, os.readlink(f"/proc/self/ns/{name}"))
time.sleep(0.8)
"""

MARK = "text-of-a-learner-7c1d"


def _own_namespaces(seen: Seen, other: Seen | None) -> list[str]:
    assert other is not None
    mine, theirs = seen.marked("NAMESPACE"), other.marked("NAMESPACE")
    if len(mine) != 6 or len(theirs) != 6:
        return ["the namespaces were not told"]
    return [f"shared: {line}" for line in sorted(mine & theirs)]


def _nowhere_in_commands(seen: Seen, _: Seen | None) -> list[str]:
    lines = {line for sandbox in seen.sandboxes for line in sandbox.command_lines}
    return [f"on a command line: {line!r}" for line in lines if MARK.encode() in line]


def _never_root(seen: Seen, _: Seen | None) -> list[str]:
    users = {user for sandbox in seen.sandboxes for user in sandbox.users}
    return [] if users and 0 not in users else [f"users on the host: {users}"]


ROWS = [
    Row(
        "G01-G05",
        "sockets of every family",
        probe(_SOCKETS),
        shows=("HELD socket inet", "HELD socket vsock"),
        layers=("seccomp",),
    ),
    Row(
        "G02-G03",
        "reach metadata, databases, engines, names",
        probe(_REACH),
        shows=("HELD connect 1.1.1.1", "HELD resolve example.com"),
    ),
    Row(
        "G01-S6",
        "interfaces, traffic, routes, resolvers",
        probe(_INTERFACES),
        shows=("HELD interfaces", "HELD traffic"),
        layers=("network",),
    ),
    Row(
        "G04",
        "sockets of the host's services",
        probe(_UNIX),
        shows=("HELD sockets in", "HELD abstract"),
    ),
    Row(
        "H01",
        "have a capability",
        probe(_STATUS),
        shows=("HELD capabilities", "HELD no filter"),
        layers=("capabilities", "seccomp", "no new privileges", "unprivileged user"),
    ),
    Row(
        "H02",
        "find set-user-id programs",
        probe(_SETUID),
        shows=("HELD set-user-id",),
        layers=("nosuid",),
    ),
    Row(
        "H03",
        "make namespaces",
        probe(_NAMESPACES),
        shows=("HELD unshare", "HELD clone"),
        layers=("seccomp",),
    ),
    Row(
        "H03-own",
        "share a namespace with a neighbour",
        _TELLS_NAMESPACES + RIGHT,
        accomplice=_TELLS_NAMESPACES + RIGHT,
        beside=True,
        inspect=_own_namespaces,
        layers=(
            "network",
            "pid namespace",
            "ipc namespace",
            "mount namespace",
            "uts namespace",
            "cgroup namespace",
        ),
    ),
    Row(
        "H04",
        "write the kernel's settings",
        probe(_SYSTEM_FILES),
        shows=("HELD write /proc/sys/kernel/core_pattern",),
        layers=("read-only /proc/sys", "read-only root"),
    ),
    Row("H04-user", "be root outside", RIGHT, inspect=_never_root, layers=("unprivileged user",)),
    Row(
        "H05",
        "mount",
        probe(_MOUNTS),
        shows=("HELD mount", "HELD writable mounts"),
        layers=("seccomp", "read-only root"),
        gate="R",
    ),
    Row(
        "H06-H09",
        "devices and terminals",
        probe(_DEVICES),
        shows=("HELD mknod", "HELD TIOCSTI"),
        gate="R",
    ),
    Row(
        "H07",
        "dangerous calls",
        probe(_CALLS),
        shows=("HELD calls",),
        layers=("seccomp",),
        gate="R",
    ),
    Row(
        "H08",
        "calls of a foreign architecture",
        probe(_FOREIGN),
        shows=("HELD foreign calls",),
        layers=(),
        gate="R",
    ),
    Row(
        "H10",
        "folders of the host through descriptors",
        probe(_OUTSIDE),
        shows=("HELD folders held open",),
        layers=("descriptors",),
        gate="R",
    ),
    Row("H13", "get text into a command line", f"# {MARK}\n" + RIGHT, inspect=_nowhere_in_commands),
    Row("H16", "read /sys", probe(_SYS), shows=("HELD /sys",), backends=("bubblewrap",), gate="R"),
]
