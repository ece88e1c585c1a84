"""Secrets in arguments, and what of a job is shown in spite of them."""

from dataclasses import dataclass

import pytest

from pytest_taskq.engine.under_test import TaskInfo, Told
from pytest_taskq.testing.redact import Redaction, is_secret

SHOWN = Redaction()


def told(*args, **kwargs):
    return Told(args, kwargs, 0, None)


@dataclass
class Login:
    user: str
    password: str


@pytest.mark.parametrize(
    "name",
    ["password", "user_password", "passwd", "api_key", "apiKey", "APIKEY", "accessToken", "tokens",
     "X-Authorization", "client_secret", "session_cookie", "private_key", "cvc"],
)  # fmt: skip
def test_these_names_are_secret(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["key", "author", "tokenizer", "passenger", "secretary", "cookies_"]
)
def test_these_names_are_not(name):
    assert is_secret(name) is (name == "cookies_")


def test_arguments_look_like_a_call_without_their_secrets():
    text = SHOWN.arguments(told(7, "ann", token="tok_1", copies=2))
    assert text == "(7, 'ann', token=***, copies=2)"


def test_arguments_by_position_have_the_names_of_the_task():
    def log_in(context, user, password): ...

    info = TaskInfo("log_in", log_in, given=frozenset({"context"}))
    assert SHOWN.arguments(told("ann", "hunter2"), info) == "('ann', ***)"
    assert SHOWN.arguments(told("ann", "hunter2"), TaskInfo("log_in")) == "('ann', 'hunter2')"


def test_secrets_inside_of_values_are_found():
    card = {"token": "tok_1", "owner": {"name": "ann", "api-key": 9}}
    assert SHOWN.arguments(told(card=card), width=90) == (
        "(card={'token': ***, 'owner': {'name': 'ann', 'api-key': ***}})"
    )
    assert SHOWN.arguments(told([{"pwd": 1}], Login("ann", "hunter2"))) == (
        "([{'pwd': ***}], Login(user='ann', password=***))"
    )


def test_a_password_in_a_url_is_no_argument_and_yet_hidden():
    assert SHOWN.arguments(told("redis://ann:pw@db/0")) == "('redis://***@db/0')"


def test_an_error_does_not_tell_what_the_arguments_keep():
    job = told(token="tok_123", cart=7, card={"password": "hunter2"}, pwd="no")
    assert SHOWN.text("tok_123 is refused, hunter2 too, no", job) == "*** is refused, *** too, no"


def test_what_is_nested_too_deeply_is_not_shown():
    value = "deep"
    for _ in range(9):
        value = {"in": value}
    text = SHOWN.arguments(told(value), width=100)
    assert "deep" not in text
    assert "***" in text


def test_the_user_says_what_else_is_secret():
    def hide_mail(name, value):
        return "<mail>" if name == "to" else value

    shown = Redaction(hide_mail)
    job = told(to="ann@example.com", token="t", n=1)
    assert shown.arguments(job) == "(to='<mail>', token=***, n=1)"
    assert shown.text("no route to ann@example.com", job) == "no route to ***"


def test_a_judge_that_raises_hides():
    def broken(name, value):
        raise KeyError(name)

    assert Redaction(broken).arguments(told(7, to="ann")) == "(7, to=***)"


def test_a_value_that_cannot_be_shown_does_not_break_the_text():
    class Odd:
        def __repr__(self):
            raise ValueError

    assert SHOWN.arguments(told(Odd()), width=80) == "(<a Odd that cannot be shown: ValueError>)"


def test_arguments_one_by_one():
    assert SHOWN.plain(told(7, token="t"), TaskInfo("f", lambda cart, **_: None)) == {
        "cart": "7",
        "token": "***",
    }
    assert SHOWN.plain(told(7)) == {"[0]": "7"}
