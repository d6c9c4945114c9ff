"""For every test: static files as they are, and a Redis of its own where one is asked for."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

START_S = 10.0


def pytest_configure(config: pytest.Config) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def redis_server() -> str | None:
    """Return the path of redis-server: the system's, else the wheel's."""
    own = Path(sys.executable).with_name("redis-server")
    return shutil.which("redis-server") or (str(own) if own.exists() else None)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that lives as long as the tests; Celery and the site use it."""
    program = redis_server()
    if program is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("redis")
    path = str(folder / "redis.sock")
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", path, "--dir", str(folder), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(path)
            break
        time.sleep(0.02)
    yield from _used(f"unix://{path}")
    server.terminate()
    server.wait()


def _used(url: str) -> Iterator[str]:
    from config.celery import app
    from submissions import queue

    before = settings.REDIS_URL
    settings.REDIS_URL = url
    app.conf.broker_url = url.replace("unix://", "redis+socket://", 1)
    queue._redis.cache_clear()
    yield url
    settings.REDIS_URL = before
    queue._redis.cache_clear()
