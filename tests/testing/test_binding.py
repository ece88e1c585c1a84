"""What is bound without inspect is bound, or refused, as inspect does it."""

import inspect
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_taskq.engine.under_test import TaskInfo
from pytest_taskq.testing.binding import Parameters, parameters_of

FUNCTIONS = [
    lambda: None,
    lambda a: None,
    lambda a, b: None,
    lambda a, b=2: None,
    lambda a=1, b=2, c=3: None,
    lambda a, /, b: None,
    lambda a, *, b=2: None,
    lambda a, *rest: None,
    lambda a, **more: None,
    lambda *rest, **more: None,
]
VALUES = st.integers(0, 9)


def by_inspect(function, way, args, kwargs, defaults):
    bound = getattr(inspect.signature(function), way)(*args, **kwargs)
    if defaults:
        bound.apply_defaults()
    flat = dict(bound.arguments)
    for number, value in enumerate(flat.pop("rest", ())):
        flat[f"rest[{number}]"] = value
    return flat | flat.pop("more", {})


@given(
    st.sampled_from(FUNCTIONS),
    st.sampled_from([("bind", False), ("bind", True), ("bind_partial", False)]),
    st.lists(VALUES, max_size=4).map(tuple),
    st.dictionaries(st.sampled_from("abcd"), VALUES),
)
def test_a_call_is_bound_as_python_binds_it(function, way, args, kwargs):
    name, defaults = way
    bind = getattr(Parameters(inspect.signature(function)), name)
    bind = partial(bind, defaults=True) if defaults else bind
    expected = refusal = None
    try:
        expected = by_inspect(function, name, args, kwargs, defaults)
    except TypeError as error:
        refusal = str(error)
    if refusal is not None:
        with pytest.raises(TypeError) as raised:
            bind(args, kwargs)
        assert str(raised.value) == refusal
        return
    assert bind(args, kwargs) == expected


def test_arguments_are_in_the_order_of_the_parameters():
    parameters = Parameters(inspect.signature(lambda a, b=2, c=3: None))
    assert list(parameters.bind_partial((), {"c": 1, "a": 2})) == ["a", "c"]
    assert list(parameters.bind((1,), {"c": 1}, defaults=True)) == ["a", "b", "c"]


def test_what_can_be_given_by_position_is_told():
    parameters = Parameters(inspect.signature(lambda a, /, b, *rest, c, **more: None))
    assert parameters.names == ["a", "b", "rest", "c", "more"]
    assert parameters.positional == ["a", "b"]


def charge(cart, token="", gateway=None): ...


def test_what_the_library_fills_in_is_no_parameter():
    whole, own = (
        parameters_of(TaskInfo("charge", charge, given=frozenset(given)))
        for given in ((), ("gateway",))
    )
    assert whole.names == ["cart", "token", "gateway"]
    assert own.names == ["cart", "token"]
    assert parameters_of(TaskInfo("charge", charge, given=frozenset({"gateway"}))) is own
    with pytest.raises(TypeError, match="gateway"):
        own.bind((7,), {"gateway": 1})


class Unhashable:
    __hash__ = None

    def __call__(self, cart): ...


class Slotted:
    __slots__ = ()

    def __call__(self, cart): ...


@pytest.mark.parametrize("task", [Unhashable(), Slotted()], ids=["unhashable", "slotted"])
def test_a_callable_that_cannot_be_remembered_has_parameters_too(task):
    assert parameters_of(TaskInfo("charge", task)).names == ["cart"]


class Unknown:
    __signature__ = "whatever fits"

    def __call__(self, cart): ...


def test_where_the_parameters_cannot_be_known_there_are_none():
    assert parameters_of(TaskInfo("charge", Unknown())) is None
    assert parameters_of(TaskInfo("gone", None)) is None
    assert parameters_of(None) is None
