"""Signing up and in, the language that goes with an account, the demo accounts."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils.translation import trans_real

from accounts.models import INSTRUCTORS, User

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-password-1"


@pytest.fixture(autouse=True)
def _quick_hashes(settings: object) -> None:
    settings.PASSWORD_HASHERS = [  # type: ignore[attr-defined]
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]


@pytest.fixture
def mei() -> User:
    return User.objects.create_user("mei", "mei@example.org", PASSWORD)


def sign_up(client: Client, **changes: str) -> int:
    """Fill in the form; return the status of the answer."""
    form = {"username": "mei", "email": "", "password1": PASSWORD, "password2": PASSWORD}
    return client.post(reverse("account_signup"), form | changes).status_code


def language_of(client: Client, **headers: str) -> str:
    """Return the language of the home page."""
    return client.get(reverse("home"), headers=headers).headers["Content-Language"]


def test_who_signs_up_is_signed_in_and_needs_no_email(client: Client) -> None:
    assert sign_up(client) == 302
    user = User.objects.get(username="mei")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert not user.is_staff and not user.is_instructor


@pytest.mark.parametrize(
    "changes",
    [
        {"password1": "12345678", "password2": "12345678"},
        {"password1": "short", "password2": "short"},
        {"password2": "another-password-1"},
        {"username": ""},
    ],
    ids=["weak", "short", "mistyped", "nameless"],
)
def test_a_sign_up_with_a_mistake_makes_no_account(client: Client, changes: dict[str, str]) -> None:
    assert sign_up(client, **changes) == 200
    assert not User.objects.exists()
    assert "_auth_user_id" not in client.session


def test_a_name_can_be_taken_once(client: Client, mei: User) -> None:
    assert sign_up(client, username="MEI") == 200
    assert User.objects.count() == 1


@pytest.mark.parametrize("login", ["mei", "mei@example.org"])
def test_one_signs_in_by_name_or_email(client: Client, mei: User, login: str) -> None:
    answer = client.post(reverse("account_login"), {"login": login, "password": PASSWORD})
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(mei.pk)


def test_a_wrong_password_signs_nobody_in(client: Client, mei: User) -> None:
    answer = client.post(reverse("account_login"), {"login": "mei", "password": "wrong"})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


def test_sign_in_leads_to_no_other_site(client: Client, mei: User) -> None:
    form = {"login": "mei", "password": PASSWORD, "next": "https://evil.example/"}
    answer = client.post(reverse("account_login"), form)
    assert answer.headers["Location"].startswith("/")


def test_the_browsers_language_decides_for_strangers(client: Client) -> None:
    assert language_of(client) == "en"
    assert language_of(client, accept_language="zh-CN,zh;q=0.9") == "zh-hans"
    assert language_of(client, accept_language="fr") == "en"


def test_a_chosen_language_is_remembered_with_the_account(client: Client, mei: User) -> None:
    client.force_login(mei)
    client.post(reverse("set_language"), {"language": "zh-hans"})
    mei.refresh_from_db()
    assert mei.language == "zh-hans"
    elsewhere = Client()
    elsewhere.force_login(mei)
    assert language_of(elsewhere, accept_language="en") == "zh-hans"


def test_a_strangers_choice_is_kept_in_the_browser_alone(client: Client, mei: User) -> None:
    client.post(reverse("set_language"), {"language": "zh-hans"})
    assert language_of(client, accept_language="en") == "zh-hans"
    mei.refresh_from_db()
    assert mei.language == ""
    assert language_of(Client()) == "en"


def test_a_language_that_the_site_does_not_have_is_not_remembered(
    client: Client, mei: User
) -> None:
    client.force_login(mei)
    for language in ("xx", "", "<script>", "de", "zh-hant", "EN"):
        answer = client.post(reverse("set_language"), {"language": language})
        assert answer.status_code == 400
        assert "django_language" not in answer.cookies
    mei.refresh_from_db()
    assert mei.language == ""
    with pytest.raises(IntegrityError):
        User.objects.filter(pk=mei.pk).update(language="de")


def demo_accounts() -> str:
    said = io.StringIO()
    call_command("make_demo_accounts", stdout=said)
    return said.getvalue()


def test_demo_passwords_are_printed_once_and_work(client: Client) -> None:
    printed = dict(line.split() for line in demo_accounts().splitlines())
    assert set(printed) == {"instructor", "learner"}
    for name, password in printed.items():
        assert User.objects.get(username=name).check_password(password)
    assert demo_accounts() == ""
    assert User.objects.get(username="learner").check_password(printed["learner"])


def test_only_the_demo_instructor_may_see_what_instructors_see() -> None:
    demo_accounts()
    instructor = User.objects.get(username="instructor")
    assert instructor.is_instructor and instructor.is_staff and not instructor.is_superuser
    learner = User.objects.get(username="learner")
    assert not learner.is_instructor and not learner.is_staff


def test_members_of_the_group_are_instructors_without_being_staff(mei: User) -> None:
    mei.groups.add(Group.objects.get(name=INSTRUCTORS))
    assert mei.is_instructor and not mei.is_staff


def test_the_demo_instructor_may_do_in_the_admin_what_the_guides_say(client: Client) -> None:
    demo_accounts()
    client.force_login(User.objects.get(username="instructor"))
    people = {
        "enrollment_set-TOTAL_FORMS": "1",
        "enrollment_set-INITIAL_FORMS": "0",
        "enrollment_set-0-person": User.objects.get(username="learner").pk,
        "enrollment_set-0-role": "learner",
    }
    form = {"name": "Autumn", "slug": "autumn"} | people
    assert client.post(reverse("admin:courses_cohort_add"), form).status_code == 302
    assert User.objects.get(username="learner").cohorts.get().slug == "autumn"
    query = "?app_label=courses&model_name=enrollment&field_name=person&term=lear"
    assert "learner" in client.get(reverse("admin:autocomplete") + query).content.decode()
    assert client.get(reverse("admin:submissions_gradingrun_changelist")).status_code == 200
    assert client.get(reverse("admin:leaderboard_ruling_changelist")).status_code == 200
    # People are seen, not changed: else one could make oneself a superuser.
    own = reverse("admin:accounts_user_change", args=[User.objects.get(username="instructor").pk])
    assert client.post(own, {"is_superuser": "on"}).status_code == 403
    assert client.get(reverse("admin:accounts_user_add")).status_code == 403


def test_ones_own_account_is_changed_and_nobody_elses(client: Client, mei: User) -> None:
    assert client.get(reverse("account")).headers["Location"].startswith(reverse("account_login"))
    client.force_login(mei)
    form = {"display_name": "Méi", "language": "zh-hans", "is_staff": "on", "username": "root"}
    page = client.post(reverse("account"), form, follow=True).content.decode()
    assert "已保存。" in page and "Méi" in page
    mei.refresh_from_db()
    assert (mei.display_name, mei.language) == ("Méi", "zh-hans")
    assert (mei.username, mei.is_staff) == ("mei", False)
    client.post(reverse("account"), {"display_name": "", "language": ""})
    assert language_of(client, accept_language="en") == "en"


def test_a_refused_account_form_says_why(client: Client, mei: User) -> None:
    client.force_login(mei)
    page = client.post(reverse("account"), {"display_name": "x" * 81, "language": "en"})
    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    mei.refresh_from_db()
    assert mei.display_name == ""


def test_how_one_appears_is_chosen_in_the_account_too(client: Client, mei: User) -> None:
    client.force_login(mei)
    form = {"appearance": "hidden", "from_account": "on"}
    answer = client.post(reverse("appearance"), form)
    assert answer.headers["Location"] == reverse("account")
    mei.refresh_from_db()
    assert mei.appearance == "hidden"


def test_password_and_email_are_changed_in_pages_that_obey_the_style_policy(
    client: Client, mei: User
) -> None:
    client.force_login(mei)
    for name in ("account_change_password", "account_email"):
        page = client.get(reverse(name)).content.decode()
        assert reverse("account") in page
        assert "style=" not in page and "<script>" not in page


def test_the_menu_leads_staff_to_their_pages_and_nobody_else(client: Client, mei: User) -> None:
    client.force_login(mei)
    own = client.get(reverse("home")).content.decode()
    assert reverse("account") in own and reverse("own-submissions") in own
    assert reverse("workers") not in own and "/admin/" not in own
    client.force_login(User.objects.create_user("ada", is_staff=True))
    staffs = client.get(reverse("home")).content.decode()
    assert reverse("workers") in staffs and reverse("admin:index") in staffs


def test_chinese_says_ni_to_everybody() -> None:
    texts: dict[object, str] = {}
    for catalogue in reversed(trans_real.translation("zh-hans")._catalog._catalogs):  # type: ignore[attr-defined]
        texts |= catalogue
    assert [text for text in texts.values() if "您" in text] == []


def test_the_login_field_says_what_belongs_there(client: Client) -> None:
    page = client.get(reverse("account_login"), headers={"accept-language": "zh-CN"})
    assert ">用户名或邮箱</label>" in page.content.decode()
