"""Wrong passwords: who guesses is stopped, and neither the owner nor the neighbours are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-password-1"


@pytest.fixture(autouse=True)
def _quick_and_forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    hasher = "django.contrib.auth.hashers.MD5PasswordHasher"
    monkeypatch.setattr(settings, "PASSWORD_HASHERS", [hasher])
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def mei() -> User:
    return User.objects.create_user("mei", "mei@example.org", PASSWORD)


def at(address: str) -> Client:
    return Client(REMOTE_ADDR=address)


def signs_in(client: Client, login: str = "mei", password: str = PASSWORD) -> bool:
    form = {"login": login, "password": password}
    return client.post(reverse("account_login"), form).status_code == 302


def guess(client: Client, times: int, login: str = "mei") -> None:
    for n in range(times):
        assert not signs_in(client, login, f"wrong-{n}")


def test_guessing_at_one_account_ends_after_a_few_tries(mei: User) -> None:
    guess(at("192.0.2.1"), 5)
    assert not signs_in(at("192.0.2.1"))


def test_neighbours_of_a_guesser_get_in(mei: User) -> None:
    guess(at("192.0.2.1"), 40)
    User.objects.create_user("ada", password=PASSWORD)
    assert signs_in(at("192.0.2.1"), "ada")


def test_ten_mistakes_behind_one_address_lock_nobody_out(mei: User) -> None:
    for n in range(10):
        guess(at("192.0.2.1"), 1, f"student-{n}")
    assert signs_in(at("192.0.2.1"))


def test_the_owner_gets_in_from_elsewhere_meanwhile(mei: User) -> None:
    guess(at("192.0.2.1"), 40)
    assert signs_in(at("198.51.100.1"))


@pytest.mark.parametrize("login", ["mei", "MEI", "mei@example.org"])
def test_the_owner_gets_in_where_they_signed_in_before(mei: User, login: str) -> None:
    own = at("192.0.2.1")
    assert signs_in(own, login)
    del own.cookies["sessionid"]
    guess(at("192.0.2.1"), 40, login)
    assert signs_in(own, login)


def test_a_known_browser_may_not_guess_for_ever_nor_at_others(mei: User) -> None:
    own = at("192.0.2.1")
    assert signs_in(own)
    del own.cookies["sessionid"]
    guess(own, 10)
    assert not signs_in(own)
    User.objects.create_user("ada", password=PASSWORD)
    guess(own, 5, "ada")
    assert not signs_in(own, "ada")


def test_a_forged_device_is_none(mei: User) -> None:
    guess(at("192.0.2.1"), 5)
    forged = at("192.0.2.1")
    forged.cookies["device"] = "WzEsIngiXQ:1:x"
    assert not signs_in(forged)


def test_one_address_cannot_try_all_accounts_nor_all_addresses_one(mei: User) -> None:
    for n in range(100):
        guess(at("192.0.2.1"), 1, f"student-{n}")
        guess(at(f"198.51.100.{n}"), 1)
    assert not signs_in(at("192.0.2.1"), "mei")
    assert not signs_in(at("203.0.113.1"))


def test_right_passwords_use_up_nothing(mei: User) -> None:
    for _ in range(20):
        assert signs_in(at("192.0.2.1"))


def test_the_limits_are_found_at_the_admins_door_too(mei: User) -> None:
    door = reverse("admin:login")
    form = {"username": "mei", "password": PASSWORD, "next": reverse("admin:index")}
    User.objects.filter(pk=mei.pk).update(is_staff=True, is_superuser=True)
    stranger = at("192.0.2.1")
    answer = stranger.post(door, form)
    assert answer.headers["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in stranger.session
    entered = stranger.get(reverse("admin:index"), follow=True)
    assert entered.redirect_chain[-1][0].startswith(reverse("account_login"))
    form = {"login": "mei", "password": PASSWORD, "next": reverse("admin:index")}
    answer = stranger.post(reverse("account_login"), form)
    assert answer.headers["Location"] == reverse("admin:index")
    assert stranger.get(reverse("admin:index")).status_code == 200


def test_staff_cannot_guess_there_either(mei: User) -> None:
    staff = at("192.0.2.1")
    staff.force_login(User.objects.create_user("ada", is_staff=True))
    form = {"username": "mei", "password": PASSWORD}
    assert staff.post(reverse("admin:login"), form).status_code == 405
    own = reverse("account_change_password")
    assert staff.get(reverse("admin:password_change")).headers["Location"] == own
    learner = at("192.0.2.1")
    learner.force_login(mei)
    assert learner.get(reverse("admin:login")).status_code == 403


def test_too_many_requests_are_told_as_such(monkeypatch: pytest.MonkeyPatch, mei: User) -> None:
    monkeypatch.setitem(settings.ACCOUNT_RATE_LIMITS, "login", "1/h/ip")
    client = at("192.0.2.1")
    form = {"login": "", "password": ""}
    assert client.post(reverse("account_login"), form).status_code == 200
    answer = client.post(reverse("account_login"), form, headers={"accept-language": "zh-CN"})
    assert answer.status_code == 429
    assert "请稍等" in answer.content.decode()
