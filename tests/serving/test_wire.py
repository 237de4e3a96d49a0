"""Messages survive the way, what could run code or take the memory does not."""

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gedanken.errors import BadInput, NonFinite
from gedanken.serving.stream.wire import packed, unpacked

LARGEST = 2**16


def as_sent(dtype: str, data: bytes, shape, **more) -> bytes:
    """An array as openpi's client writes it."""
    return msgpack.packb({"a": {b"__ndarray__": True, b"data": data, b"dtype": dtype, b"shape": shape, **more}})


@pytest.mark.parametrize(
    "value",
    [np.arange(6, dtype="<f4").reshape(2, 3), np.zeros((0, 3), np.uint8), np.array(True), np.array([1, -2], ">i2")],
    ids=str,
)
def test_arrays_come_back_as_they_were(value):
    back = unpacked(packed({"a": value, "b": {"c": [1, "x", None]}}), LARGEST)
    assert np.array_equal(back["a"], value)
    assert back["a"].shape == value.shape
    assert back["a"].dtype == value.dtype.newbyteorder("=")
    assert back["b"] == {"c": [1, "x", None]}


def test_the_bytes_are_those_of_openpis_client():
    """Observed on the line of openpi-client 0.1.2."""
    array = b"\x81\xa1a\x84\xc4\x0b__ndarray__\xc3\xc4\x04data\xc4\x08" + bytes(8)
    array += b"\xc4\x05dtype\xa3<f4\xc4\x05shape\x91\x02"
    assert packed({"a": np.zeros(2, np.float32)}) == array
    assert unpacked(array, LARGEST)["a"].tolist() == [0, 0]
    scalar = b"\x81\xa1a\x83\xc4\r__npgeneric__\xc3\xc4\x04data\xcb?\xf8\x00\x00\x00\x00\x00\x00\xc4\x05dtype\xa3<f4"
    assert packed({"a": np.float32(1.5)}) == scalar
    assert unpacked(scalar, LARGEST)["a"] == 1.5


REFUSED = {
    "objects are pickles": (as_sent("|O", b"\x80\x04N.", [1]), "never objects"),
    "structures": (as_sent("|V8", bytes(8), [1]), "never objects"),
    "texts": (as_sent("<U2", bytes(8), [1]), "never objects"),
    "dates": (as_sent("<M8[ns]", bytes(8), [1]), "never objects"),
    "too few bytes": (as_sent("<f4", bytes(4), [2]), "came with 4 bytes"),
    "a shape that overflows": (as_sent("<f4", bytes(4), [2**40, 2**40]), "expected at most 8 sizes"),
    "a negative size": (as_sent("<f4", bytes(4), [-1]), "expected at most 8 sizes"),
    "no shape": (as_sent("<f4", bytes(4), None), "lacks"),
    "NaN in an array": (as_sent("<f4", np.float32(np.nan).tobytes(), [1]), "NaN or infinity"),
    "NaN in a half": (as_sent("<f2", np.float16(np.inf).tobytes(), [1]), "NaN or infinity"),
    "NaN by itself": (msgpack.packb({"a": [1.0, float("nan")]}), "NaN or infinity"),
    "infinity in a scalar": (
        msgpack.packb({"a": {b"__npgeneric__": True, b"data": float("inf"), b"dtype": "<f4"}}),
        "NaN or infinity",
    ),
    "an object as a scalar": (
        msgpack.packb({"a": {b"__npgeneric__": True, b"data": b"x", b"dtype": "|O"}}),
        "never objects",
    ),
    "an array": (msgpack.packb([1]), "expected a map"),
    "nothing": (b"", "cannot be read"),
    "half of something": (packed({"a": np.zeros(4)})[:-3], "cannot be read"),
    "two messages": (packed({}) * 2, "cannot be read"),
    "a key twice": (b"\x82\xa1a\x01\xa1a\x02", "a key twice"),
    "a number for a key": (msgpack.packb({1: 2}), "one that is no text"),
    "an extension": (msgpack.packb({"a": msgpack.ExtType(4, b"x")}), "cannot be read"),
    "a time": (msgpack.packb({"a": msgpack.Timestamp(1)}), "cannot be read"),
    "text that is none": (b"\x81\xa1\xff\x01", "cannot be read"),
    "nested": (b"\x81\xa1a" + b"\x91" * 9 + b"\x01", "nested more than 8"),
    "nested without end": (b"\x81\xa1a" + b"\x91" * 60_000 + b"\x01", "cannot be read"),
    "maps without end": (b"\x81\xa1a" * 20_000 + b"\x01", "cannot be read"),
    "a list said to be long": (b"\x81\xa1a\xdd\xff\xff\xff\xff", "cannot be read"),
    "too large": (bytes(LARGEST + 1), "at most 65,536"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name):
    data, sentence = REFUSED[name]
    with pytest.raises(BadInput, match=sentence) as told:
        unpacked(data, LARGEST)
    assert len(str(told.value)) < 300
    assert isinstance(told.value, NonFinite) == ("NaN" in sentence)


def test_what_cannot_be_sent_is_named_too():
    with pytest.raises(BadInput, match="a ndarray cannot be sent"):
        packed({"a": np.array([None])})


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_is_read_or_refused(data, within_a_map):
    data = b"\x81\xa1a" + data if within_a_map else data
    try:
        read = unpacked(data, LARGEST)
    except BadInput:
        return
    assert isinstance(read, dict)
