"""The secret key, health checks, headers, and what the web process must not load."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse

from config.local_secret import local_secret
from config.private_folder import private_folder
from config.runtime_folder import SHARED, runtime_folder

ROOT = Path(__file__).resolve().parents[2]


def test_a_local_secret_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret-key"
    before = os.umask(0)
    try:
        secret = local_secret(path)
    finally:
        os.umask(before)
    assert len(secret) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert local_secret(path) == secret
    assert local_secret(tmp_path / "another") != secret


def test_processes_that_start_at_once_get_the_same_secret(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / str(attempt)
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda: found.append(local_secret(path)))  # noqa: B023
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == 1
        assert found[0] != ""


def test_the_process_is_live_without_a_database(client: Client) -> None:
    answer = client.get("/livez")
    assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.django_db
def test_the_site_is_ready_when_the_database_answers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200

    def refuse() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(connection, "cursor", refuse)
    assert client.get("/readyz").status_code == 503


@pytest.mark.django_db
def test_pages_run_only_scripts_of_this_site_and_are_framed_by_nobody(client: Client) -> None:
    headers = client.get(reverse("home")).headers
    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/no-such-page/", "/submissions/not-a-uuid/"])
def test_pages_that_are_not_there_are_guarded_too(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_root_builds_sandboxes_where_their_users_can_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert runtime_folder(tmp_path / "var") == SHARED
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert runtime_folder(tmp_path / "var") == tmp_path.resolve() / "var" / "runtime"


@pytest.fixture
def open_data(tmp_path: Path) -> Iterator[Path]:
    """A data folder that everybody may read, as earlier versions made it, and a lax umask."""
    before = os.umask(0o022)
    data = tmp_path / "var"
    (data / "runtime").mkdir(parents=True)
    (data / "db.sqlite3").write_text("sessions, seeds")
    (data / "elsewhere").symlink_to("/")
    yield data
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_data_is_the_sites_own_users_alone(open_data: Path) -> None:
    assert (mode(open_data), mode(open_data / "db.sqlite3")) == (0o755, 0o644)
    root = mode(Path("/"))
    assert private_folder(open_data) == open_data
    assert (mode(open_data), mode(open_data / "db.sqlite3")) == (0o700, 0o600)
    assert mode(Path("/")) == root
    (open_data / "new").write_text("")
    assert mode(open_data / "new") == 0o600


def test_a_data_folder_that_is_not_there_yet_will_be_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        local_secret(private_folder(tmp_path / "var") / "secret-key")
    finally:
        os.umask(before)
    assert mode(tmp_path / "var") == 0o700


def test_data_that_others_can_read_is_refused(
    open_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(ImproperlyConfigured, match="chmod 700"):
        private_folder(open_data)


def test_settings_close_the_data_folder(open_data: Path) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        env=os.environ | {"DATA_DIR": str(open_data), "DATABASE_URL": f"sqlite:///{open_data}/new"},
        cwd=ROOT,
        check=True,
    )
    assert (mode(open_data), mode(open_data / "new")) == (0o700, 0o600)


def test_crawlers_and_old_browsers_find_what_they_ask_for(client: Client) -> None:
    robots = client.get("/robots.txt")
    assert robots.headers["Content-Type"].startswith("text/plain")
    assert "Disallow: /admin/" in robots.content.decode()
    assert client.get("/favicon.ico").headers["Location"].endswith("icon.svg")
