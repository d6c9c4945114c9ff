"""Names that look alike, and what the site tells of addresses."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core import mail
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse

from accounts.backend import MAX_SHARING
from accounts.models import User

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-password-1"


@pytest.fixture(autouse=True)
def _quick_and_forgetful(settings: object) -> None:
    settings.PASSWORD_HASHERS = [  # type: ignore[attr-defined]
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]
    cache.clear()


def sign_up(name: str, email: str = "") -> dict[str, list[str]]:
    """Fill in the form; return what it is refused with, by field."""
    form = {"username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD}
    answer = Client().post(reverse("account_signup"), form)
    return {} if answer.status_code == 302 else answer.context["form"].errors.get_json_data()


ALIKE = [
    ("coco", "сосо"),  # Cyrillic
    ("nik", "ΝΙΚ"),  # Greek
    ("mei", "ｍｅｉ"),
    ("mei", "MEI"),
    ("mei", "rnei"),
    ("paul1", "PauIl"),
    ("李小明", "李⼩明"),  # a radical
    ("口", "ロ"),  # Katakana
]


@pytest.mark.parametrize(("taken", "name"), ALIKE)
def test_a_name_that_looks_like_a_taken_one_is_refused(taken: str, name: str) -> None:
    assert sign_up(taken) == {}
    assert sign_up(name)["username"]
    with pytest.raises(IntegrityError):
        User.objects.create_user(name)


@pytest.mark.parametrize(
    "name",
    ["аdmin", "admιn", "me\u200bi", "me\u202ei", "mei\u3164", "mei\u2060", "𐓘mei", "м李"],
)
def test_mixed_scripts_and_what_cannot_be_seen_are_refused(name: str) -> None:
    assert sign_up(name)["username"]
    with pytest.raises(ValidationError):
        User(display_name=f"{name} of somewhere").clean_fields(exclude=["username", "password"])


@pytest.mark.parametrize(
    "name", ["李明", "李ming2", "мария", "Ελένη", "José", "あやカ", "김민수", "o.k@x_y-z+1"]
)
def test_names_of_all_languages_are_possible(name: str) -> None:
    assert sign_up(name) == {}
    user = User.objects.get(username=name)
    user.display_name = f"{name} 博士 (2班)" if name == "李明" else name
    user.full_clean()


def test_the_refusal_says_why_in_both_languages() -> None:
    User.objects.create_user("mei")
    form = {"username": "rnei", "password1": PASSWORD, "password2": PASSWORD}
    for language, said in (("en", "looks like one that is taken"), ("zh-CN", "过于相似")):
        answer = Client().post(
            reverse("account_signup"), form, headers={"accept-language": language}
        )
        assert said in answer.content.decode()


def test_who_typed_a_wide_name_signs_in_by_either(client: Client) -> None:
    assert sign_up("ｍｅｉ") == {}
    assert User.objects.get().username == "mei"
    for login in ("ｍｅｉ", "mei"):
        form = {"login": login, "password": PASSWORD}
        assert Client().post(reverse("account_login"), form).status_code == 302


def test_the_admin_hears_of_it_too(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    mei = User.objects.create_user("mei")
    form = {"username": "rnei", "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post(reverse("admin:accounts_user_add"), form)
    assert "looks like one" in answer.content.decode()
    mei.full_clean(exclude=["password"])  # not like itself
    mei.username = "ada"
    mei.save()
    assert sign_up("rnei") == {}


def test_older_accounts_that_look_alike_stay() -> None:
    migration = importlib.import_module("accounts.migrations.0004_distinct_names")
    rows = [User(username=name) for name in ("mei", "rnei", "ａｄａ", "Ada1", "ada")]
    User.objects.bulk_create(rows)
    migration.compare(apps, SimpleNamespace(connection=connection))
    kept = dict(User.objects.order_by("pk").values_list("username", "skeleton"))
    assert list(kept) == ["mei", "rnei", "ａｄａ", "Ada1", "ada"]
    assert [look is None for look in kept.values()] == [False, True, False, False, True]
    User.objects.get(username="rnei").save()


@pytest.mark.parametrize("verification", ["none", "optional", "mandatory"])
def test_sign_up_does_not_tell_which_addresses_are_known(
    settings: object, verification: str
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = verification  # type: ignore[attr-defined]
    User.objects.create_user("mei", "mei@example.org", PASSWORD)
    told = []
    for name, email in (("ada", "mei@example.org"), ("bob", "bob@example.org")):
        form = {"username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD}
        client = Client()
        answer = client.post(reverse("account_signup"), form)
        page = client.get(answer.headers["Location"])
        told.append((answer.status_code, answer.headers["Location"], page.status_code))
    assert told[0] == told[1]


def test_a_password_is_hashed_for_a_known_address_too(
    settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"  # type: ignore[attr-defined]
    User.objects.create_user("mei", "mei@example.org", PASSWORD)
    hashed: list[str] = []
    monkeypatch.setattr("accounts.forms.make_password", hashed.append)
    assert sign_up("ada", "mei@example.org") == {}
    assert hashed == [PASSWORD]


def test_a_reset_looks_the_same_for_whatever_address(client: Client) -> None:
    User.objects.create_user("mei", "mei@example.org", PASSWORD)
    answers = [
        client.post(reverse("account_reset_password"), {"email": email})
        for email in ("mei@example.org", "nobody@example.org")
    ]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {
        (302, reverse("account_reset_password_done"))
    }
    assert len(mail.outbox) == 2


def test_an_address_that_many_claim_costs_a_few_hashes_and_mails(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(10):
        User.objects.create_user(f"claimant-{'abcdefghjk'[n]}", "mei@example.org", PASSWORD)
    client.post(reverse("account_reset_password"), {"email": "mei@example.org"})
    assert len(mail.outbox) == MAX_SHARING
    checked: list[str] = []
    monkeypatch.setattr(User, "check_password", lambda user, _: checked.append(user.username))
    client.post(reverse("account_login"), {"login": "mei@example.org", "password": "wrong"})
    assert len(checked) <= 2 * MAX_SHARING
