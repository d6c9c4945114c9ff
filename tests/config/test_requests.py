"""What holds for every request: its charset, and who may keep the answer."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.browser.stagehand import make_exercise

pytestmark = pytest.mark.django_db

PARTS = b'--x\r\nContent-Disposition: form-data; name="language"\r\n\r\nen\r\n--x--\r\n'


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json"])
@pytest.mark.parametrize(
    "charset",
    ["utf-16", "utf-7", "rot13", "hex", "zlib", "idna", "no-such-thing", '"latin-1"', "é"],
)
def test_only_utf_8_is_read(client: Client, kind: str, charset: str) -> None:
    client.raise_request_exception = False
    answer = client.generic("POST", reverse("set_language"), PARTS, f"{kind}; charset={charset}")
    assert answer.status_code == 415
    assert "UTF-8" in answer.content.decode()


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8"])
def test_utf_8_goes_by_all_its_names(client: Client, charset: str) -> None:
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    assert client.generic("POST", reverse("set_language"), PARTS, kind).status_code == 302


def kept_by(client: Client, path: str) -> set[str]:
    return set(client.get(path).headers["Cache-Control"].split(", "))


def test_what_depends_on_who_asks_is_kept_by_no_cache_on_the_way(client: Client) -> None:
    exercise = make_exercise()
    pages = [reverse("home"), exercise.get_absolute_url(), reverse("leaderboard"), "/no-such-page/"]
    for page in pages:
        assert "private" in kept_by(client, page)
    client.force_login(User.objects.create_user("mei", "mei@example.org"))
    own = [reverse("account"), reverse("account_email"), reverse("own-submissions")]
    for page in pages + own:
        assert {"private", "no-store"} <= kept_by(client, page)
