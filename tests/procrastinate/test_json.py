"""Arguments come back as production's database gives them, or are refused as it would."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import pytest

from pytest_taskq.core.payload import decode_call
from pytest_taskq.procrastinate._json import encode_kwargs
from pytest_taskq.procrastinate.exceptions import ConnectorException


class Size(IntEnum):
    SMALL = 1


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("text", "text"),
        (None, None),
        (0.1, 0.1),
        (10**30, 10**30),
        ((1, (2,)), [1, [2]]),
        ({2: "a", None: "b", True: "c"}, {"2": "a", "null": "b", "true": "c"}),
        (Size.SMALL, 1),
        (Colour.RED, "red"),
        ({"$taskq": ["tuple", 1]}, {"$taskq": ["tuple", 1]}),
        ("\\u0000", "\\u0000"),
    ],
)
def test_comes_back(given, taken):
    args, kwargs = decode_call(encode_kwargs({"value": given}))
    assert (args, kwargs) == ((), {"value": taken})
    assert type(kwargs["value"]) is type(taken)


def test_the_keys_of_a_batch_become_text_too():
    assert decode_call(encode_kwargs({1: 2}))[1] == {"1": 2}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (datetime(2030, 1, 1, tzinfo=UTC), "args.value"),
        ([1, {"price": Decimal(1)}], "args.value[1].price"),
        ({1, 2}, "args.value"),
        (b"x", "args.value"),
        ({(1, 2): 3}, "args.value[(1, 2)]"),
        ({"deep": [object()]}, "args.value.deep[0]"),
    ],
)
def test_what_json_has_no_form_for_is_a_type_error_with_its_path(given, path):
    with pytest.raises(TypeError) as caught:
        encode_kwargs({"value": given})
    assert str(caught.value).startswith(f"{path} cannot be stored.")


@pytest.mark.parametrize("given", [float("nan"), [float("inf")], "a\0b", {"k": ["\0"]}])
def test_what_the_database_refuses_is_a_connector_exception(given):
    with pytest.raises(ConnectorException):
        encode_kwargs({"value": given})


@pytest.mark.parametrize(
    ("wrapped", "path"),
    [
        (lambda circle: circle, "args.value[1]"),
        (lambda circle: {"deep": [0, circle]}, "args.value.deep[1][1]"),
        (lambda circle: (object(), circle), None),
    ],
)
def test_a_circle_is_a_value_error_with_its_path(wrapped, path):
    circle = [[]]
    circle.append(circle)
    with pytest.raises(ValueError if path else TypeError) as caught:
        encode_kwargs({"value": wrapped(circle)})
    assert str(caught.value).startswith(f"{path or 'args.value[0]'} cannot be stored. ")


def test_a_circle_stores_nothing(in_memory_app):
    circle = {}
    circle["self"] = circle
    in_memory_app.task(name="t")(lambda value: None)
    with pytest.raises(ValueError, match=r"^args\.value\.self cannot be stored\. .*Pass an id"):
        in_memory_app.configure_task("t").defer(value=circle)
    assert not in_memory_app.connector.jobs


def test_the_same_value_twice_is_no_circle():
    twice = [1]
    assert decode_call(encode_kwargs({"value": [twice, twice]}))[1] == {"value": [[1], [1]]}
