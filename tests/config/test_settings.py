"""Settings: each is in .env.example, and paths may have spaces in them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache.backends.base import BaseCache

from tests.conftest import redis_server
from tools import run

ROOT = Path(__file__).resolve().parents[2]
ODD = "a folder, 50% of #1"
READ = re.compile(r"""\benv\.\w+\(\s*"([A-Z_]+)\"""")
LISTED = re.compile(r"^#?([A-Z_]+)=", re.MULTILINE)
TALK = """\
import json, django
django.setup()
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from submissions import queue
from config.celery import app
connection.cursor().execute("create table t (x)")
cache.set("tries", [1.5])
assert cache.get("tries") == [1.5]
assert queue._redis().ping()
with app.connection_for_write() as broker:
    broker.ensure_connection(max_retries=1)
print(settings.DATABASES["default"]["NAME"])
"""


def in_settings(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
        | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_setting_is_listed_and_nothing_else() -> None:
    sources = [ROOT / "platform" / "config" / name for name in ("settings.py", "security.py")]
    read = {name for source in sources for name in READ.findall(source.read_text())}
    assert len(read) > 30
    assert set(LISTED.findall((ROOT / ".env.example").read_text())) == read


def test_commands_are_whole_whatever_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "BIN", tmp_path / ODD / "bin")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / ODD))
    for command in run.commands().values():
        program, option, *_ = shlex.split(command)
        assert (program, option) == (str(tmp_path / ODD / "bin" / "python"), "-m")
    assert shlex.split(run.commands()["beat"])[-1] == str(tmp_path / ODD / "beat-schedule")


def test_database_broker_and_cache_may_lie_in_a_path_with_spaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = redis_server()
    if program is None:
        pytest.skip("redis-server is not installed")
    data = tmp_path / ODD
    monkeypatch.setenv("DATA_DIR", str(data))
    monkeypatch.delenv("REDIS_URL", raising=False)
    with run.own_redis():
        shown = os.environ["REDIS_URL"]
        assert in_settings(TALK, DATA_DIR=str(data), REDIS_URL=shown) == str(data / "db.sqlite3")
        if len(str(data)) < 70:  # the socket is where the settings look for it by themselves
            in_settings(TALK.replace("create table", "--"), DATA_DIR=str(data))


@pytest.mark.parametrize(("size", "pool"), [("0", False), ("8", True)])
def test_no_thread_keeps_a_connection_but_a_process_may(size: str, pool: bool) -> None:
    shown = in_settings(
        "from django.conf import settings as s; d = s.DATABASES['default'];"
        "print(d.get('CONN_MAX_AGE', 0), d.get('OPTIONS', {}).get('pool', {}).get('max_size'))",
        DATABASE_URL="postgres://site@localhost/site",
        DATABASE_POOL_SIZE=size,
    )
    assert shown == f"0 {size if pool else None}"


def cache_at(url: str) -> BaseCache:
    from config.cache import Cache

    return Cache(url, {"OPTIONS": {"serializer": "config.cache.Json"}})


def test_all_processes_count_in_one_cache(redis_url: str) -> None:
    assert cache_at(redis_url).add("tries", [1.5])
    other = cache_at(redis_url)
    assert not other.add("tries", [2.5])
    assert other.get("tries") == [1.5]
    other.set("tries", [1.5, 2.5])
    assert cache_at(redis_url).get("tries") == [1.5, 2.5]
    assert other.delete("tries") and not other.delete("tries")


def test_without_redis_the_cache_is_empty_and_nobody_fails() -> None:
    cache = cache_at("unix:///nonexistent/redis.sock")
    assert cache.add("tries", [1.5])
    cache.set("tries", [1.5])
    assert cache.get("tries", []) == []
    assert not cache.delete("tries")


def test_no_pickle_is_read_from_redis() -> None:
    from config import settings

    assert settings.CACHES["default"]["OPTIONS"]["serializer"] == "config.cache.Json"  # type: ignore[index]
