"""``make run``: the whole site on this machine, under one process manager.

Starts a Redis of its own (unless REDIS_URL names one), brings the database and the curriculum up
to date, makes demo accounts, and runs web, worker and beat until Ctrl-C.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from honcho import manager

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8000"))
QUEUES = "cpu,housekeeping"
REDIS_START_S = 10.0
WEB_START_S = 60.0


def main() -> None:
    """Prepare, serve, clean up."""
    os.environ["PYTHONPATH"] = f"{ROOT / 'platform'}:{ROOT}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("GRADING_SHUTDOWN_SECONDS", "2")
    # Celery's warning of root is about pickled messages; ours are JSON.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:You're running the worker")
    _refuse_a_taken_port()
    _check_sandbox()
    with own_redis():
        _prepare()
        sys.exit(_serve())


def _refuse_a_taken_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError:
            sys.exit(f"Port {PORT} is in use. Choose another: PORT=8001 make run")


def _check_sandbox() -> None:
    """Say at the start, and not at the first submission, that this host can't hold a sandbox."""
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    import django

    django.setup()
    from grading.host import check_host
    from grading.sandboxes.base import SandboxUnavailable

    try:
        for warning in check_host():
            print(f"! {warning}")
    except SandboxUnavailable as error:
        sys.exit(f"No sandbox can run here, so no code can be graded: {error}")


@contextlib.contextmanager
def own_redis() -> Iterator[None]:
    """Run a Redis on a socket that only this user can reach, unless one is configured."""
    if os.environ.get("REDIS_URL"):
        yield
        return
    program = shutil.which("redis-server") or str(BIN / "redis-server")
    if not Path(program).exists():
        sys.exit("redis-server is not installed: run `apt-get install redis-server`.")
    folder = _data() / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    path = _short(folder / "redis.sock")
    os.environ["REDIS_URL"] = f"unix://{quote(path)}"
    server = subprocess.Popen(
        [
            *(program, "--port", "0", "--unixsocket", path, "--unixsocketperm", "700"),
            *("--dir", str(folder), "--save", "", "--appendonly", "yes", "--logfile", "redis.log"),
        ],
        start_new_session=True,  # Ctrl-C must not end it before those that use it
    )
    try:
        _wait_for_socket(path, server)
        yield
    finally:
        server.terminate()
        server.wait()


def _data() -> Path:
    return Path(os.environ.get("DATA_DIR", ROOT / "var"))


def _short(path: Path) -> str:
    """Return a path for a Unix socket, which may have no more than about 100 bytes."""
    if len(os.fsencode(path)) <= 100:
        return str(path)
    import hashlib

    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / f"llm-course-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        sys.exit(f"{folder} belongs to somebody else. Remove it, or set REDIS_URL.")
    return str(folder / "redis.sock")


def _wait_for_socket(path: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + REDIS_START_S
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(path)
            return
        time.sleep(0.02)
    sys.exit("Redis did not start; is another one running in the same folder?")


def _prepare() -> None:
    """Bring the database up to date. In this process, where Django is loaded already."""
    from django.core.management import call_command

    print("Preparing the database and the curriculum ...", flush=True)
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False, ignore_patterns=["src"])
    call_command("load_curriculum")
    call_command("make_demo_accounts")


def commands() -> dict[str, str]:
    """Return what is run, by name, each as a shell reads it."""
    celery = ("celery", "-A", "config", "-q")
    modules: dict[str, tuple[object, ...]] = {
        "web": (
            *("uvicorn", "config.asgi:application", "--host", HOST, "--port", PORT),
            *("--lifespan", "off", "--log-level", "warning", "--timeout-graceful-shutdown", 2),
        ),
        "worker": (
            *(*celery, "worker", "--pool", "threads", "--concurrency", os.cpu_count() or 2),
            *("-Q", QUEUES, "--loglevel", "warning", "--without-gossip", "--without-mingle"),
        ),
        "beat": (
            *(*celery, "beat", "--loglevel", "warning"),
            *("--schedule", _data() / "beat-schedule"),
        ),
    }
    python = BIN / "python"
    return {name: shlex.join(map(str, (python, "-m", *words))) for name, words in modules.items()}


def _serve() -> int:
    running = manager.Manager()
    for name, command in commands().items():
        running.add_process(name, command, env=dict(os.environ), cwd=str(ROOT))
    threading.Thread(target=_announce, daemon=True).start()
    running.loop()
    # Ctrl-C is how one ends it: no error.
    return 0 if running.returncode in (None, 130, 143) else running.returncode


def _announce() -> None:
    """Print the address as soon as the site answers there."""
    url = f"http://{'localhost' if HOST == '127.0.0.1' else HOST}:{PORT}/"
    deadline = time.monotonic() + WEB_START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}livez", timeout=1).close()
            print(f"\n  The course is at {url}   (Ctrl-C ends it)\n", flush=True)
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main()
