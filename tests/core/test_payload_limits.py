"""How large a payload may be, and how early one that is larger is refused."""

import pytest

from pytest_taskq.core.errors import PayloadTooLarge
from pytest_taskq.core.payload import decode_value, encode_call, encode_value


def test_a_value_larger_than_memory_is_refused_while_it_is_walked():
    itself, doubled = {}, "x"
    itself["list"] = [itself, itself]
    for _ in range(60):
        doubled = [doubled, doubled]
    with pytest.raises(PayloadTooLarge, match="holds itself"):
        encode_call((), {"value": itself})
    with pytest.raises(PayloadTooLarge, match="more than"):
        encode_value(doubled, limit=10_000)
    with pytest.raises(PayloadTooLarge, match="more than"):
        encode_value([["x" * 200_000] * 100_000])


@pytest.mark.parametrize("text", ["x" * 98, "ä" * 49, "\n" * 49])
def test_the_limit_counts_bytes_of_utf_8(text):
    assert decode_value(encode_value(text, limit=100)) == text
    for value in (text + "x", [text]):
        with pytest.raises(PayloadTooLarge, match=r" 10\d bytes as JSON, and 100 are allowed"):
            encode_value(value, limit=100)
    with pytest.raises(PayloadTooLarge, match=r"args is too large.* 300,016 .* 262,144 .* an id"):
        encode_call((), {"blob": "x" * 300_000})


def test_a_large_collection_is_refused_before_it_is_walked():
    class Fuse:
        """Not storable, and met only by who walks so far."""

    for large in ([Fuse()] * 600_000, dict.fromkeys(range(600_000), Fuse())):
        with pytest.raises(PayloadTooLarge, match="more than 600,"):
            encode_call((large,), {})
