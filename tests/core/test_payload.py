"""What is stored comes back equal and of its type; anything else is refused with its path."""

import enum
import json
import math
import sys
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_taskq.core import payload
from pytest_taskq.core.errors import BadOption, NotStorable, PayloadTooLarge
from pytest_taskq.core.payload import (
    Unavailable,
    decode_call,
    decode_value,
    encode_call,
    encode_result,
    encode_value,
)

BERLIN = ZoneInfo("Europe/Berlin")
number = 5


class Shape(enum.Enum):
    ROUND = 1
    FLAT = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = TOP = 2


Access = enum.Flag("Access", ["READ", "WRITE"])


def exact(value):
    """The value with the type of each part: 1, 1.0 and True differ, and so do zones."""
    if isinstance(value, dict):
        return [exact(item) for item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [exact(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(str(exact(item)) for item in value)
    return type(value), hex(value) if type(value) is int else repr(value)


def round_trip(value):
    args, kwargs = decode_call(encode_call((value,), {"name": value}))
    for encode in (encode_value, encode_result):
        assert exact(args[0]) == exact(kwargs["name"]) == exact(decode_value(encode(value)))
    return args[0]


STORABLE = [
    None, True, False, 0, 1, -1, 2**63, -(2**64), 10**700, 10**5_000, -(10**5_000),
    0.0, -0.0, 1.0, 0.1, 5e-324, 1.7976931348623157e308,
    "", "x", "Grüße", "\U0001f600", "\\u0000", "\u2028\x7f\x01", "$taskq", '"$taskq"',
    [], [1, [2, []]], {}, {"a": {"b": [None]}}, {"": 1, "a b": 2, "Ä": 3},
    (), (1,), (1, (2, [3])), [()], set(), {1, 2}, {"a", 1, None}, frozenset(), {frozenset({1})},
    {1: "a", (1, 2): "b", None: "c", "d": 4, 1.5: 5} | {b"k": UUID(int=1)},
    {2: 1, 1: 2}, {"$taskq": ["tuple", 1]}, {"$taskq": 1, "b": 2}, {"a": {"$taskq": []}},
    b"", b"\x00\xff",
    date(2024, 2, 29), date.min, date.max, time(), time(23, 59, 59, 999_999, tzinfo=UTC),
    time(2, 30, fold=1), time(2, tzinfo=BERLIN), timedelta.min, timedelta.max, timedelta(0),
    datetime.min, datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC), datetime.max,
    datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, fold=1),
    datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-5, seconds=1, microseconds=2))),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
    datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")),
    UUID("12345678-1234-5678-1234-567812345678"),
    Decimal("1.10"), Decimal("-0"), Decimal("1E+3"), Decimal("Infinity"),
    Shape.ROUND, Level.HIGH, Level.TOP, Access.WRITE, [Shape.FLAT], {Shape.ROUND: 1},
    Unavailable("User", "why not"),
]  # fmt: skip


@pytest.mark.parametrize("value", STORABLE, ids=lambda value: repr(type(value).__name__))
def test_a_value_comes_back_equal_and_of_its_type(value):
    assert exact(round_trip(value)) == exact(value)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.just("$taskq")
)  # fmt: skip
ZONES = st.none() | st.just(UTC) | st.just(BERLIN) | st.timezones()
LEAVES = (
    SCALARS | st.binary() | st.dates() | st.times() | st.timedeltas() | st.uuids()
    | st.decimals(allow_nan=False) | st.datetimes(timezones=ZONES)
)  # fmt: skip
KEYS = LEAVES | st.tuples(LEAVES) | st.frozensets(LEAVES, max_size=2)
NAMES = st.text("ab") | st.just("$taskq")
VALUES = st.recursive(
    KEYS | st.sets(KEYS, max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner)
        | st.dictionaries(NAMES, inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.slow
@given(st.lists(VALUES, max_size=2), st.dictionaries(NAMES, VALUES, max_size=2))
def test_a_call_comes_back_as_it_was(args, kwargs):
    for given_kwargs in (kwargs, MappingProxyType(kwargs)):
        back = decode_call(encode_call(tuple(args), given_kwargs))
        assert exact(back) == exact((tuple(args), kwargs))


@given(st.lists(SCALARS, max_size=2), st.dictionaries(NAMES, SCALARS, max_size=2))
def test_a_call_with_scalars_comes_back_as_it_was(args, kwargs):
    assert exact(decode_call(encode_call(tuple(args), kwargs))) == exact((tuple(args), kwargs))


def test_the_text_is_json_that_a_person_can_read():
    text = encode_call((1,), {"name": "Grüße", "day": date(2026, 3, 1)})
    assert text == '[[1],{"name":"Grüße","day":{"$taskq":["date","2026-03-01"]}}]'


def test_the_text_of_a_set_does_not_depend_on_the_seed_of_hashes():
    one, other = {0, 8}, {8, 0}  # these collide, and stay in the order in which they came
    assert [*one] != [*other]
    assert encode_value(one) == encode_value(other)


@pytest.mark.parametrize("fallback", [False, True])
def test_the_encoder_made_once_writes_what_the_documented_one_writes(monkeypatch, fallback):
    if fallback:
        monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    encode = payload._json_encoder()
    value = [(1, -0.0, "ä\n\0"), {"a": None, "b": [True]}]
    assert encode(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    with pytest.raises(ValueError, match="JSON"):
        encode(math.nan)


class Broken:
    __repr__ = __str__ = None  # not callable, so that repr() raises


class Zone(tzinfo):
    utcoffset = tzname = dst = lambda self, when: None


Hidden = enum.Enum("Hidden", ["HERE"], qualname="function.<locals>.Hidden")
User = type("User", (), {})
Text, Number, Point, Moment = (type("S", (k,), {}) for k in (str, int, tuple, datetime))
REFUSED = [
    (User(), "a User, which JSON"), (Broken(), "a Broken, which JSON"), (User, "a type, which"),
    (object(), "Pass an id"), (bytearray(), "bytearray"), (range(3), "range"), (1j, "complex"),
    (Text("x"), "come back as a str"), (Number(1), "come back as a int"),
    (Moment(2026, 1, 1), "come back as a datetime"), (Point(), "come back as a tuple"),
    (OrderedDict(), "come back as a dict"), (defaultdict(list), "convert it with dict(...)"),
    (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (Decimal("NaN"), "not a number"),
    ("a\0b", r"refuse '\x00'"), ("a\ud800", r"refuse '\ud800'"), ("\udfff", r"refuse '\udfff'"),
    (Hidden.HERE, "by name"), (Access.READ | Access.WRITE, "by name"), (Access(0), "by name"),
    (datetime(2026, 1, 1, tzinfo=Zone()), "Its time zone"), (time(tzinfo=Zone()), "Its time zone"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "problem"), REFUSED, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    ("encode", "path"),
    [
        (encode_value, "result"),
        (lambda value: encode_value(value, path="outcome"), "outcome"),
        (lambda value: encode_call((0, value), {}), "args[1]"),
        (lambda value: encode_call((0,), {"a": 1, "name": value}), "args.name"),
        (lambda value: encode_call(({"user": {"x": value}},), {}), "args[0].user.x"),
        (lambda value: encode_call((), {"user": [1, (2, value)]}), "args.user[1][1]"),
        (lambda value: encode_value({1: value}), "result[0]"),
    ],
)
def test_what_would_come_back_changed_is_refused_with_its_path(encode, path, value, problem):
    with pytest.raises(NotStorable) as caught:
        encode(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path} cannot be stored. ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("key", [Text("a"), "a\0", "\ud800"])
def test_a_key_is_refused_as_a_value_is(key):
    with pytest.raises(NotStorable, match=r"^result\.a \(a key\) cannot be stored"):
        encode_value({"a": {key: 1}})
    with pytest.raises(NotStorable, match=r"^args \(a key\) cannot be stored"):
        encode_call((), {key: 1})


def nested(depth, inner, wrap=lambda value: [value]):
    for _ in range(depth):
        inner = wrap(inner)
    return inner


@pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: {1: v}]
)
def test_a_value_may_be_nested_to_the_limit_and_no_further(wrap):
    value = nested(64, "x", wrap)
    assert exact(round_trip(value)) == exact(value)
    for deeper in (wrap(value), nested(10_000, "x", wrap)):
        for encode in (encode_value, lambda v: encode_call((v,), {})):
            with pytest.raises(PayloadTooLarge, match="nested too deep"):
                encode(deeper)


@pytest.mark.parametrize(
    ("value", "name", "reason"),
    [
        ({"a": User()}, "dict", "result.a cannot be stored. It is a User"),
        (Broken(), "Broken", "It is a Broken"), (math.nan, "float", "nan"),
        ("x" * 300_000, "str", "too large"), (nested(100, 1), "list", "nested"),
        ("a\0\ud800", "str", "Databases refuse"),
        (type("N", (), {"__qualname__": "N\0\ud800" * 999})(), "N??" * 333 + "N", "a N??"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_encoding_a_result_never_raises(value, name, reason):
    found = decode_value(encode_result(value))
    assert (type(found), found.type_name) == (Unavailable, name)
    assert reason in found.reason


def test_encoding_a_result_does_not_raise_what_a_class_raises():
    class Rude(type):
        def __getattribute__(cls, name):
            raise SyntaxError

    value = Rude("Visitor", (), {})()
    assert decode_value(encode_result(value)) == Unavailable("Visitor", "SyntaxError")


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[", "[[],{}] ", "null]", '{"$taskq":1}', '{"$taskq":[]}', '{"$taskq":["what"]}',
        '{"$taskq":["date","yesterday"]}', '{"$taskq":["uuid",5]}', '{"$taskq":["set",[]]}',
        '{"$taskq":["dict",1]}', '{"$taskq":["datetime","2026-01-01T00:00:00",0,"No/Where"]}',
        '{"$taskq":["decimal","x"]}', '{"$taskq":["timedelta",9999999999]}', "[" * 99_999,
    ],
)  # fmt: skip
def test_a_text_that_nobody_wrote_is_refused(text):
    with pytest.raises(BadOption, match="The payload cannot be read"):
        decode_value(text)


def test_a_text_without_arguments_is_no_call():
    for text in ("5", "{}", "[[]]", "[[],{},1]"):
        with pytest.raises(BadOption, match="It holds no arguments"):
            decode_call(text)


@pytest.mark.parametrize(
    ("module", "qualname", "name"),
    [
        (__name__, "Shape", "SQUARE"), (__name__, "Gone", "ROUND"), (__name__, "number", "real"),
        (__name__, "Shape.ROUND", "name"), ("os", "path", "join"), ("antigravity", "Enum", "A"),
    ],
)  # fmt: skip
def test_a_text_may_name_only_members_of_loaded_enums(module, qualname, name):
    text = json.dumps({"$taskq": ["enum", module, qualname, name]}, separators=(",", ":"))
    with pytest.raises(BadOption, match=f"No enum named {module}.{qualname}.{name} is loaded"):
        decode_value(text)
    assert "antigravity" not in sys.modules
