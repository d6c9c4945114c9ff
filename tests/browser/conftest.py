"""A real Chromium before a real ASGI server, on a database file that both can write."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from accounts.models import User
from curriculum.models import Exercise
from tests.browser.stagehand import make_exercise

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ours = [item for item in items if here in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))
    # Last: Playwright's event loop stays in this thread, where asynchronous tests can't run then.
    items[:] = [item for item in items if item not in set(ours)] + ours


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    # Playwright's loop runs in this thread, which makes Django refuse the tests' own queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as driver:
        yield driver
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def server(django_db_setup: None, redis_url: str) -> Iterator[str]:
    """The site's address."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = ASGIStaticFilesHandler(get_asgi_application())
    config = uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    with override_settings(ALLOWED_HOSTS=["127.0.0.1", "testserver"]):
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.should_exit = True
        thread.join(timeout=5)


@pytest.fixture
def learner(transactional_db: None) -> User:
    return User.objects.create_user("mei", "mei@example.org", "a-long-password-1")


@pytest.fixture
def exercise(transactional_db: None) -> Exercise:
    return make_exercise()


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, server: str, transactional_db: None) -> Iterator[Open]:
    """Open a path, as somebody or nobody; at the end no page may have broken the CSP or thrown."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(
        path: str,
        *,
        user: User | None = None,
        language: str = "en",
        theme: str = "light",
        width: int = 1280,
        context: BrowserContext | None = None,
        javascript: bool = True,
    ) -> Page:
        if context is None:
            context = chromium.new_context(
                base_url=server,
                viewport={"width": width, "height": 800},
                color_scheme="dark" if theme == "dark" else "light",
                locale="zh-CN" if language == "zh" else "en-US",
                reduced_motion="reduce",
                java_script_enabled=javascript,
            )
            contexts.append(context)
            if user:
                sign_in(context, user, server)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: complaints.append(line.text) if "Content Security" in line.text else None,
        )
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def sign_in(context: BrowserContext, user: User, server: str) -> None:
    """Give the context a session of ``user``."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])
