"""Arguments as text: plain where they can be, pickled where they must."""

import sys
from dataclasses import dataclass
from threading import Lock

import pytest

from pytest_taskq.core.errors import MissingExtra
from pytest_taskq.docket._payload import decode, decode_result, encode, encode_result


@dataclass
class Pot:
    cups: int


def test_plain_arguments_can_be_read_by_people():
    assert encode((1, "tea"), {"cups": [2]}) == '[[1,"tea"],{"cups":[2]}]'


def test_arguments_of_any_kind_come_back_as_copies():
    pot = Pot(3)
    (args, kwargs) = decode(encode((pot,), {"brew": lambda: 7}))
    assert args == (pot,)
    assert args[0] is not pot
    assert kwargs["brew"]() == 7


def test_what_is_too_large_to_be_plain_is_pickled():
    text = "x" * 1_000_000
    assert decode(encode((text,), {}))[0] == (text,)


def test_results_come_back_too():
    assert decode_result(encode_result({"cups": 2})) == {"cups": 2}
    assert decode_result(encode_result(Pot(2))) == Pot(2)


def test_what_cannot_be_pickled_is_refused_and_named():
    with pytest.raises(TypeError, match="pickle") as refused:
        encode((), {"key": Lock()})
    (note,) = refused.value.__notes__
    assert note.startswith("args.key cannot be stored.")
    assert refused.value.__suppress_context__


def test_without_cloudpickle_plain_arguments_work_and_others_name_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "pytest_taskq.docket._cloudpickle", raising=False)
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    assert decode(encode((1,), {})) == ((1,), {})
    with pytest.raises(MissingExtra, match=r"pytest-taskq\[docket\]"):
        encode((Pot(1),), {})
