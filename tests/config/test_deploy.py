"""What holds on a server: HTTPS and its headers, and a web process that knows no grader."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.browser.stagehand import graded, make_exercise

ROOT = Path(__file__).resolve().parents[2]
# Whether all subdomains speak HTTPS too, and browsers shall know for ever, the operator decides.
OPERATORS_CHOICE = {"security.W005", "security.W021"}
WORK = """\
import sys
from config.asgi import application  # as uvicorn does
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

settings.STORAGES["staticfiles"]["BACKEND"] = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
)
from accounts.models import User
from submissions.models import Submission
from tests.browser.stagehand import make_exercise

call_command("migrate", verbosity=0)
exercise, client = make_exercise(), Client(headers={"host": "localhost"})
client.force_login(User.objects.create_user("mei"))
answer = client.post(reverse("submit", args=[exercise.slug]), {"source": "x", "tests": "hidden"})
assert answer.status_code == 302, answer.content
for url in ("/", exercise.get_absolute_url(), answer["Location"], "/accounts/logout/"):
    assert client.get(url).status_code == 200, url
assert Submission.objects.count() == 1
print(*sorted(name for name in sys.modules if name.partition(".")[0] in sys.argv[1:]))
"""


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_django_has_nothing_to_say_against_a_deployed_site(tmp_path: Path) -> None:
    settings = {"HTTPS": "1", "SECRET_KEY": secrets.token_urlsafe(64), "DATA_DIR": str(tmp_path)}
    checked = manage("check", "--deploy", "--fail-level", "ERROR", **settings)
    assert checked.returncode == 0, checked.stderr
    said = {
        line.split("(")[1].split(")")[0] for line in checked.stderr.splitlines() if ": (" in line
    }
    assert said <= OPERATORS_CHOICE, checked.stderr
    assert not (tmp_path / "secret-key").exists()


def test_addresses_may_have_to_be_verified(tmp_path: Path) -> None:
    settings = {"ACCOUNT_EMAIL_VERIFICATION": "mandatory", "DATA_DIR": str(tmp_path)}
    checked = manage("check", **settings)
    assert checked.returncode == 0, checked.stderr


def test_https_is_insisted_on_where_a_proxy_provides_it(tmp_path: Path) -> None:
    ask = (
        "from django.test import Client\n"
        "client = Client(headers={'host': 'localhost'})\n"
        "plain = client.get('/livez')\n"
        "print(plain.status_code, plain['Location'])\n"
        "safe = client.get('/livez', headers={'x-forwarded-proto': 'https'})\n"
        "print(safe.status_code, safe['Strict-Transport-Security'])\n"
    )
    asked = manage("shell", "-v", "0", "-c", ask, HTTPS="1", DATA_DIR=str(tmp_path))
    assert asked.stdout.splitlines() == ["301 https://localhost/livez", "200 max-age=31536000"]


def test_a_web_process_that_takes_submissions_loads_no_grader(tmp_path: Path) -> None:
    heavy = ["torch", "numpy", "transformers", "pytest", "_pytest", "docker", "sandbox", "grading"]
    worked = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORK, *heavy],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert worked.returncode == 0, worked.stderr
    # The app's name, and where its commands are.
    assert set(worked.stdout.split()) <= {"grading", "grading.management"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page", ["home", "stage", "exercise", "submissions", "submission", "account_login", "admin"]
)
def test_every_page_runs_its_own_scripts_only(client: Client, page: str) -> None:
    exercise = make_exercise()
    learner = User.objects.create_user("mei", is_staff=page == "admin")
    submission = graded(learner, exercise, [])
    if page != "account_login":
        client.force_login(learner)
    url = {
        "stage": exercise.topic.stage.get_absolute_url(),
        "exercise": exercise.get_absolute_url(),
        "submissions": reverse("submissions", args=[exercise.slug]),
        "submission": submission.get_absolute_url(),
        "admin": reverse("admin:index"),
    }.get(page) or reverse(page)
    answer = client.get(url)
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in answer["Content-Security-Policy"]
    if page != "admin":  # Django's own
        text = answer.content.decode()
        assert "<script>" not in text
        assert " onclick=" not in text
        assert ' style="' not in text


@pytest.mark.django_db
def test_cookies_are_out_of_the_reach_of_scripts_and_of_other_sites(client: Client) -> None:
    User.objects.create_user("mei", password="a-long-password-1")
    form = {"login": "mei", "password": "a-long-password-1"}
    assert client.post(reverse("account_login"), form).status_code == 302
    session = client.cookies[site_settings.SESSION_COOKIE_NAME]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
