"""Probe every promise of the sandbox inside a real one, before a worker takes work.

A worker whose sandbox breaks a promise doesn't start. One promise is weaker on some hosts: without
control groups, memory that no process maps isn't counted. Then the mode is called "trusted
learners only", here, in the log and on the staff's page.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from grading.messages import clean
from grading.remote.peer import MAX_OUTPUT_CHARS, GraderPeer
from grading.sandboxes import gpus
from grading.sandboxes.base import ENVIRONMENT, Backend, Limits, Sandbox, SandboxUnavailable
from grading.sandboxes.promises import PROMISES
from sandbox.agent.fork_server import READY
from sandbox.errors import RemoteError
from sandbox.stream import Disconnected, Stream

PROBES = Path(__file__).with_name("probes.py")
MEMORY_MIB = 256
START_S = 60.0
PROBE_S = 30.0
MAX_SEEN_CHARS = 200
END_S = 5.0
_ENGINES_OWN = {"PWD", "LC_CTYPE", "HOSTNAME", "TORCHINDUCTOR_CACHE_DIR"}
_CUDAS_OWN = ("/dev/nvidia", "anon_inode:[eventfd]", "socket:")
_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@dataclass(frozen=True)
class Finding:
    """Whether one promise held, and what was seen."""

    promise: str
    held: bool
    seen: str = ""

    @property
    def fatal(self) -> bool:
        """Whether a worker must not take work."""
        return not self.held and not PROMISES[self.promise].trusted_can_do_without

    def document(self) -> dict[str, Any]:
        """Return all that a page shows of it, in both languages."""
        promise = PROMISES[self.promise]
        return {
            "promise": self.promise,
            "title": promise.title.document(),
            "mend": promise.mend.document(),
            "held": self.held,
            "fatal": self.fatal,
            "seen": clean(self.seen, MAX_SEEN_CHARS),
        }


def examine(backend: Backend) -> list[Finding]:
    """Return a finding for each promise.

    Raises:
        SandboxUnavailable: no sandbox can be started at all.
    """
    findings = []
    with _sandbox(backend) as (sandbox, ask):
        findings += [Finding(name, *check(ask)) for name, check in _STATIC.items()]
        findings.append(Finding("outer_user", *_outer_user(sandbox, ask)))
        findings.append(Finding("secrets", *_secrets(sandbox, ask)))
        findings.append(Finding("runtime", *_runtime(sandbox, ask)))
        findings.append(Finding("gpus", *_gpus(sandbox, ask)))
    for name, probe in _ENDING.items():
        with _sandbox(backend) as (sandbox, ask):
            findings.append(Finding(name, *probe(sandbox, ask)))
    return sorted(findings, key=lambda finding: list(PROMISES).index(finding.promise))


Ask = Callable[..., Any]
Seen = tuple[bool, str]


@contextlib.contextmanager
def _sandbox(backend: Backend) -> Iterator[tuple[Sandbox, Ask]]:
    sandbox = backend.start(Limits(memory_mib=MEMORY_MIB))
    try:
        _await_ready(sandbox)
        stream = Stream(sandbox.reader, sandbox.writer)
        sandbox.pin(os.sched_getaffinity(0))
        sandbox.resize(MEMORY_MIB)
        peer = GraderPeer(stream)
        stream.deadline = time.monotonic() + PROBE_S
        peer.request("limit", MEMORY_MIB, 0)
        probes = peer.request("load", PROBES.read_text("utf-8"))

        def ask(name: str, *arguments: Any) -> Any:
            stream.deadline = time.monotonic() + PROBE_S
            return peer.output if name == "output" else probes[name](*arguments)

        yield sandbox, ask
    finally:
        sandbox.kill()


def _await_ready(sandbox: Sandbox) -> None:
    seen, deadline = b"", time.monotonic() + START_S
    while seen != READY:
        left = deadline - time.monotonic()
        if left <= 0 or not wait([sandbox.reader], left):
            raise SandboxUnavailable("a sandbox did not become ready in time")
        chunk = os.read(sandbox.reader, len(READY) - len(seen))
        if not chunk:
            raise SandboxUnavailable("a sandbox ended before it was ready")
        seen += chunk


def _network(ask: Ask) -> Seen:
    found = ask("network")
    return not found, ", ".join(found)


def _privileges(ask: Ask) -> Seen:
    status = ask("status")
    held = {name: value for name, value in status.items() if name in _CAPABILITIES}
    kept = {name: value for name, value in held.items() if int(value, 16)}
    locked = ask("no_new_privileges")
    return "CapEff" in held and not kept and locked, str(kept or f"no new privileges: {locked}")


def _filter(ask: Ask) -> Seen:
    mode = ask("status")["Seccomp"]
    return mode == "2", f"Seccomp {mode}"


def _namespaces(ask: Ask) -> Seen:
    return not ask("user_namespace"), ""


def _read_only(ask: Ask) -> Seen:
    found = ask("writable")
    return not found, ", ".join(found)


def _secrets(sandbox: Sandbox, ask: Ask) -> Seen:
    files = ask("readable")
    names = sorted(set(ask("environment")) - ENVIRONMENT.keys() - _ENGINES_OWN)
    if sandbox.describe()["gpu"]:
        names = [name for name in names if name not in gpus.ENVIRONMENT]
    links = [link for link in ask("descriptors") if not link.startswith(("pipe:", "/dev/null"))]
    # Output is caught in an unnamed file; a container's stream is a pair of named pipes.
    links = [link for link in links if not link.startswith(("/tmp/", "/opt/stream/"))]
    if sandbox.describe()["gpu"]:
        links = [link for link in links if not link.startswith(_CUDAS_OWN)]
    strangers = len(ask("processes")) > 4
    found = [*files, *names, *links, *(["other processes"] if strangers else [])]
    return not found, ", ".join(found)


def _gpus(sandbox: Sandbox, ask: Ask) -> Seen:
    wanted, files = sandbox.describe()["gpu"], ask("gpus")
    if wanted is None:
        return not files, ", ".join(files)
    usable = ask("gpu_uuids")
    return usable == [wanted] and len(files) == 1, ", ".join([*usable, *files])


_STATIC: dict[str, Callable[[Ask], Seen]] = {
    "network": _network,
    "privileges": _privileges,
    "filter": _filter,
    "namespaces": _namespaces,
    "read_only": _read_only,
}


def _outer_user(sandbox: Sandbox, ask: Ask) -> Seen:
    if sandbox.describe().get("runtime") == "runsc":
        # Seen from outside there is gVisor's kernel, which is not the learner's code.
        user = ask("status")["Uid"].split()[0]
        return user != "0", f"user {user} of gVisor"
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in sandbox.pids()}
    return bool(owners) and 0 not in owners, f"users {sorted(owners)}"


def _runtime(sandbox: Sandbox, ask: Ask) -> Seen:
    wanted, inside = sandbox.describe().get("runtime", "bubblewrap"), ask("kernel")
    ours = os.uname().release in inside
    return ours != (wanted == "runsc"), f"{wanted}: {inside[:80]}"


def _scratch(sandbox: Sandbox, ask: Ask) -> Seen:
    try:
        size = ask("scratch")
    except Disconnected:
        return False, "it took all memory"
    return size <= Limits().scratch_mib, f"{size} MiB"


def _memory(sandbox: Sandbox, ask: Ask) -> Seen:
    try:
        return not ask("map_memory", MEMORY_MIB + 256), ""
    except Disconnected:
        return sandbox.exit_reason() == "memory", f"ended: {sandbox.exit_reason()}"


def _all_memory(sandbox: Sandbox, ask: Ask) -> Seen:
    room = 512 + gpus.host_mib(sandbox.describe()["gpu"])
    try:
        ask("fill_memory", MEMORY_MIB + room)
    except Disconnected:
        return sandbox.exit_reason() == "memory", f"ended: {sandbox.exit_reason()}"
    except RemoteError as error:  # memory files are ruled out where none could count them
        return False, str(error)
    return False, f"{MEMORY_MIB + room} MiB were held with a limit of {MEMORY_MIB}"


def _processes(sandbox: Sandbox, ask: Ask) -> Seen:
    limit = Limits().processes
    try:
        started = ask("fork", 4 * limit)
    except Disconnected:
        # Under gVisor each process takes memory of its kernel's, so that may be what ends it.
        reason = sandbox.exit_reason()
        return reason in {"process_limit", "memory"}, f"ended: {reason}"
    return started < limit, f"{started} processes"


def _output(sandbox: Sandbox, ask: Ask) -> Seen:
    ask("flood")
    size = len(ask("output"))
    return size <= MAX_OUTPUT_CHARS, f"{size} characters"


def _survivors(sandbox: Sandbox, ask: Ask) -> Seen:
    pids = sandbox.pids()
    sandbox.kill()
    deadline = time.monotonic() + END_S
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return bool(pids) and not left, f"{len(pids)} processes, {len(left)} left"


_ENDING: dict[str, Callable[[Sandbox, Ask], Seen]] = {
    "scratch": _scratch,
    "memory": _memory,
    "all_memory": _all_memory,
    "processes": _processes,
    "output": _output,
    "survivors": _survivors,
}


def describe(findings: list[Finding], language: str = "en") -> list[str]:
    """Return a line for each finding, and the mend below each that doesn't hold."""
    lines = []
    for finding in findings:
        promise = PROMISES[finding.promise]
        title = getattr(promise.title, language)
        if finding.held:
            lines.append(f"ok       {title}")
            continue
        word = "BROKEN" if finding.fatal else "weaker"
        lines.append(f"{word:8} {title}" + (f" ({finding.seen})" if finding.seen else ""))
        lines.append(f"         {getattr(promise.mend, language)}")
    return lines
