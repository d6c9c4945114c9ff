"""For every test: static files as they are, and a Redis of its own where one is asked for."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from grading import grader_process
from grading.sandboxes import processes

START_S = 10.0
END_S = 0.8


def pytest_configure(config: pytest.Config) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    # Tests that ask for no Redis have none, not even that of a site which runs beside them.
    _use("unix:///nonexistent/redis.sock")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Threads and other processes need connections of their own: a file, not memory."""
    database = connections.settings["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "db.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _graders_are_measured() -> Iterator[None]:
    """When coverage is measured: in graders too, which must then be able to write it down."""
    name = "COVERAGE_PROCESS_CONFIG"
    if name not in os.environ:
        yield
        return
    environment, close = grader_process._environment, grader_process.Grader.close

    def close_after_its_end(grader: grader_process.Grader) -> None:
        processes.ended(grader.process, END_S)
        close(grader)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "GRADER_SANDBOX", "none")
        patch.setattr(
            grader_process, "_environment", lambda at: environment(at) | {name: os.environ[name]}
        )
        patch.setattr(grader_process.Grader, "close", close_after_its_end)
        yield


@pytest.fixture
def high_descriptors() -> Iterator[int]:
    """Take all descriptors that ``select`` knows; return the first beyond them."""
    first = 1024
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 2 * first:
        pytest.skip("this process may not open enough files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2 * first), before[1]))
    taken = [os.open(os.devnull, os.O_RDONLY)]
    while taken[-1] < first:
        taken.append(os.dup(taken[0]))
    yield first
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


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
    with broker_at(f"unix://{path}"):
        yield f"unix://{path}"
    server.terminate()
    server.wait()


@contextlib.contextmanager
def broker_at(url: str) -> Iterator[None]:
    """Have Celery and the site use the Redis at ``url``."""
    before = settings.REDIS_URL
    _use(url)
    yield
    _use(before)


def _use(url: str) -> None:
    from config.celery import app
    from submissions import queue

    settings.REDIS_URL = url
    app.conf.broker_url = url.replace("unix://", "redis+socket://", 1)
    # Connections to the one before.
    app._pool = app.amqp._producer_pool = None
    queue._redis.cache_clear()
