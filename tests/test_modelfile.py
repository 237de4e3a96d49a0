import json
import os
import resource
import tracemalloc
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gedanken import __version__, modelfile
from gedanken.errors import BadInput, BadModelFile, NonFinite, StorageError
from gedanken.modelfile import ModelFile, read, read_header, write
from gedanken.types import ActionSpec, StreamSpec


def model(**changes) -> ModelFile:
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "encoder.weight": torch.randn(3, 4, 2, 2, generator=generator).to(memory_format=torch.channels_last),
        "predictor.weight": torch.randn(5, 3, generator=generator).half(),
        "steps": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "mask": torch.tensor([True, False]),
        "pixel_mean": torch.tensor([100.0, 90.0, 80.0]),
        "pixel_std": torch.tensor([50.0, 40.0, 30.0]),
        "action_mean": torch.tensor([0.1, -0.2, 0.1, -0.2]),
        "action_std": torch.tensor([0.5, 0.6, 0.5, 0.6], dtype=torch.bfloat16),
    }
    whole = ModelFile(
        config={"width": 64, "nested": {"name": "lewm", "list": [1, 2.5, None]}},
        tensors=tensors,
        action=ActionSpec(2, (-1.0, -float("inf")), (1.0, float("inf")), norm=1.0, unit="m/s", rate_hz=10.0),
        observation={"pixels": StreamSpec((64, 64, 3), "uint8", 10.0)},
        frame_skip=2,
        lineage={"recipe": "two_rooms", "steps": 100},
        seed=3,
    )
    return replace(whole, **changes)


def specs(model_file: ModelFile) -> dict:
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in model_file.tensors.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "model.safetensors"
    write(target, model())
    return target


def test_what_was_saved_is_loaded(path):
    found = read(path, specs(model()))
    assert replace(found, tensors={}) == replace(model(), tensors={})
    assert found.library == __version__
    assert found.tensors.keys() == model().tensors.keys()
    for name, tensor in model().tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_header_says_everything_but_the_numbers(path):
    header = read_header(path)
    assert header.tensors == specs(model())
    assert header.content_hash == model().content_hash == write(path, model())
    assert (header.config, header.action, header.observation) == (model().config, model().action, model().observation)
    assert (header.frame_skip, header.seed, header.lineage) == (2, 3, model().lineage)


def test_shared_memory_is_stored_twice_rather_than_refused(tmp_path):
    weight = torch.randn(4, 4)
    tied = model(tensors={"one": weight, "other": weight.T, "part": weight[1:]})
    write(tmp_path / "tied", tied)
    found = read(tmp_path / "tied").tensors
    assert all(torch.equal(found[name], tied.tensors[name]) for name in tied.tensors)


def test_the_content_hash_follows_content_alone():
    def other(name: str, tensor: torch.Tensor) -> ModelFile:
        return model(tensors={**model().tensors, name: tensor})

    tensors = model().tensors
    same = [model(), model(seed=9, lineage={}), model(tensors=dict(reversed(tensors.items())))]
    same.append(model(config=dict(reversed(model().config.items()))))
    different = [
        model(config={**model().config, "width": 65}),
        other("pixel_mean", tensors["pixel_mean"] + 1),
        other("pixel_mean", tensors["pixel_mean"].reshape(3, 1)),
        other("steps", torch.tensor(7, dtype=torch.int32)),
        model(tensors={name: tensor for name, tensor in tensors.items() if name != "pixel_std"}),
        other("encoder.weight", tensors["predictor.weight"]),
    ]
    assert len({each.content_hash for each in same}) == 1
    assert len({each.content_hash for each in [model(), *different]}) == 1 + len(different)


def test_tensors_must_be_those_of_the_model_and_each_fault_is_named(path):
    wanted = specs(model())
    del wanted["pixel_mean"]
    wanted |= {"goal": (torch.float32, (1,)), "steps": (torch.int32, ()), "action_mean": (torch.float32, (2,))}
    with pytest.raises(BadModelFile) as refusal:
        read(path, wanted)
    for words in (
        "'goal' is missing",
        "'pixel_mean' is not part of the model",
        "'steps' is torch.int64 (), expected torch.int32 ()",
        "'action_mean' is torch.float32 (4,), expected torch.float32 (2,)",
    ):
        assert words in str(refusal.value)


def test_a_save_without_the_normaliser_is_noticed_on_loading(tmp_path):
    kept = {name: tensor for name, tensor in model().tensors.items() if not name.startswith("pixel")}
    write(tmp_path / "model", model(tensors=kept))
    with pytest.raises(BadModelFile, match="'pixel_mean' is missing; 'pixel_std' is missing"):
        read(tmp_path / "model", specs(model()))


def test_expected_tensors_may_follow_from_the_header(path):
    seen = []

    def expected(header):
        seen.append(header.config["width"])
        return header.tensors

    read(path, expected)
    assert seen == [64]

    def refuse(header):
        raise BadInput("width=64 is too wide.")

    with pytest.raises(BadModelFile, match="too wide"):
        read(path, refuse)


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"value": float("nan")}},
        {"config": {"value": torch.float32}},
        {"lineage": {"value": float("inf")}},
        {"frame_skip": 0},
        {"tensors": {"z": torch.zeros(1, dtype=torch.complex64)}},
        {"lineage": {"text": "x" * 5_000_000}},
        {"tensors": {"t" * 5_000_000: torch.zeros(1)}},
        {"tensors": {"big": torch.zeros(1).expand(2**31)}},
    ],
    ids=str,
)
def test_what_cannot_be_read_back_is_not_written(path, changes, monkeypatch):
    if "big" in changes.get("tensors", {}):
        monkeypatch.setattr(modelfile, "LARGEST_FILE", modelfile._LARGEST_HEADER + 3)
        changes = {"tensors": {"big": torch.zeros(1)}}
    before = path.read_bytes()
    with pytest.raises(BadInput):
        write(path, model(**changes))
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_non_finite_weight_is_neither_written_nor_read(path, monkeypatch):
    broken = model(tensors={**model().tensors, "pixel_std": torch.tensor([1.0, float("nan"), 1.0])})
    with pytest.raises(NonFinite, match="'pixel_std'"):
        write(path, broken)
    monkeypatch.setattr(modelfile, "_check_storable", lambda tensors, contract: None)
    write(path, broken)
    with pytest.raises(BadModelFile, match="NaN or infinity in tensor 'pixel_std'"):
        read(path)


def test_a_disk_that_refuses_leaves_the_old_file(path):
    before, limit = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    large = model(tensors={"weight": torch.zeros(100_000)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))
    try:
        with pytest.raises(StorageError, match="nothing was changed"):
            write(path, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1
    with pytest.raises(StorageError):
        write(path / "below a file", model())
    with pytest.raises(StorageError):
        write(path.parent / "no folder" / "model", model())


def test_a_model_is_replaced_in_one_step(path, monkeypatch):
    before = path.read_bytes()
    with path.open("rb") as reader:
        write(path, model(seed=4))
        assert reader.read() == before
    assert read(path).seed == 4

    def refuse(source, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorageError, match="Read-only"):
        write(path, model(seed=5))
    assert read(path).seed == 4
    assert len(list(path.parent.iterdir())) == 1


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing", "pipe", "."):
        with pytest.raises(BadModelFile, match="no model file"):
            read(tmp_path / name)


def forged(path: Path, change_table=None, change_contract=None, data: bytes | None = None) -> None:
    """Rewrite the file with a changed header whose lengths and checksums are right, as an attacker would."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    table, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    if change_contract is not None:
        contract = json.loads(table["__metadata__"]["gedanken"])
        change_contract(contract)
        text = json.dumps(contract)
        table["__metadata__"] = {"gedanken": text, "gedanken.sha256": sha256(text.encode()).hexdigest()}
    if change_table is not None:
        change_table(table)
    header = json.dumps(table).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + (rest if data is None else data))


LIES_IN_THE_TABLE = {
    "no metadata": lambda table: table.pop("__metadata__"),
    "metadata a list": lambda table: table.update(__metadata__=[]),
    "more metadata": lambda table: table["__metadata__"].update(more="x"),
    "wrong checksum": lambda table: table["__metadata__"].update({"gedanken.sha256": "0" * 64}),
    "entry a list": lambda table: table.update(steps=[]),
    "unknown dtype": lambda table: table["steps"].update(dtype="F8_E4M3"),
    "unhashable dtype": lambda table: table["steps"].update(dtype=[]),
    "larger shape": lambda table: table["pixel_mean"].update(shape=[2**30]),
    "negative shape": lambda table: table["pixel_mean"].update(shape=[-3, -1]),
    "true shape": lambda table: table["steps"].update(shape=[True]),
    "endless shape": lambda table: table["empty"].update(shape=[1] * 1000),
    "huge empty": lambda table: table["empty"].update(shape=[2**40, 2**40, 0]),
    "negative offset": lambda table: table["steps"].update(data_offsets=[-8, 0]),
    "three offsets": lambda table: table["steps"].update(data_offsets=[0, 8, 8]),
    "overlap": lambda table: table["pixel_mean"].update(data_offsets=table["pixel_std"]["data_offsets"]),
    "left out": lambda table: table.pop("pixel_mean"),
    "renamed": lambda table: table.update(other=table.pop("pixel_mean")),
    "swapped": lambda table: table.update(pixel_mean=table["pixel_std"], pixel_std=table["pixel_mean"]),
    "surrogate": lambda table: table.update({"\ud800": table.pop("pixel_mean")}),
}

LIES_IN_THE_CONTRACT = {
    "newer schema": lambda contract: contract.update(schema=2),
    "true schema": lambda contract: contract.update(schema=True),
    "other axes": lambda contract: contract["axes"].update(actions="N B H A"),
    "other configuration": lambda contract: contract["config"].update(width=65),
    "configuration a list": lambda contract: contract.update(config=[]),
    "infinite configuration": lambda contract: contract["config"].update(width=float("inf")),
    "NaN bound": lambda contract: contract["action"].update(low=[float("nan"), 0.0]),
    "wider action": lambda contract: contract["action"].update(width=3),
    "no observation": lambda contract: contract.pop("observation"),
    "observation a list": lambda contract: contract["observation"].update(pixels=[]),
    "no frame skip": lambda contract: contract.update(frame_skip=0),
    "seed a text": lambda contract: contract.update(seed="3"),
    "deep lineage": lambda contract: contract.update(lineage=json.loads('{"a":' * 100 + "1" + "}" * 100)),
    "other hash": lambda contract: contract.update(content_hash="0" * 64),
}


@pytest.mark.parametrize("lie", LIES_IN_THE_TABLE.values(), ids=LIES_IN_THE_TABLE.keys())
def test_a_table_that_lies_is_refused(path, lie):
    forged(path, change_table=lie)
    refused(path)
    if lie not in map(LIES_IN_THE_TABLE.get, ("left out", "renamed", "swapped", "huge empty", "surrogate")):
        with pytest.raises(BadModelFile):
            read_header(path)


@pytest.mark.parametrize("lie", LIES_IN_THE_CONTRACT.values(), ids=LIES_IN_THE_CONTRACT.keys())
def test_a_contract_that_lies_is_refused(path, lie):
    forged(path, change_contract=lie)
    refused(path)


def refused(path: Path) -> None:
    with pytest.raises(BadModelFile) as refusal:
        read(path, specs(model()))
    assert str(refusal.value).count("\n") == 0
    assert len(str(refusal.value)) < 600


def test_an_honest_forgery_is_read_so_the_lies_above_are_what_is_refused(path):
    forged(path, lambda table: None, lambda contract: contract.update(seed=4))
    assert read(path, specs(model())).seed == 4


def test_gaps_and_trailing_bytes_are_refused(path):
    def moved(table):
        for name, entry in table.items():
            if name != "__metadata__":
                entry["data_offsets"] = [offset + 8 for offset in entry["data_offsets"]]

    content = path.read_bytes()
    data = content[8 + int.from_bytes(content[:8], "little") :]
    forged(path, change_table=moved, data=bytes(8) + data)
    with pytest.raises(BadModelFile, match="overlap or leave a gap"):
        read_header(path)
    path.write_bytes(content + b"\x00")
    with pytest.raises(BadModelFile, match="follow the header"):
        read_header(path)


def test_keys_that_stand_twice_are_refused(path):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].rstrip()[:-1] + b',"steps":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    refused(path)


def test_a_file_above_two_gigabytes_is_refused_unread(path):
    os.truncate(path, 2**31 + 1)
    with pytest.raises(BadModelFile, match="at most 2147483648"):
        read(path)


def test_the_header_is_read_without_memory_for_tensors(path, monkeypatch):
    size = 1_900_000_000

    def claim(table):
        entry = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
        table.clear()
        table.update(__metadata__=metadata, weight=entry)

    content = path.read_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    forged(path, change_table=claim, data=b"")
    os.truncate(path, path.stat().st_size + size)
    monkeypatch.setattr(modelfile.safetensors.torch, "load", None)
    tracemalloc.start()
    header = read_header(path)
    with pytest.raises(BadModelFile, match="'other' is missing"):
        read(path, {"other": header.tensors["weight"]})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.tensors == {"weight": (torch.uint8, (size,))}
    assert peak < 1_000_000


FUZZED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused_or_the_same(path: Path, content: bytes) -> None:
    target = path.with_name("fuzzed")
    target.write_bytes(content)
    try:
        found = read(target)
    except BadModelFile:
        return
    assert replace(found, tensors={}) == replace(model(), tensors={})
    assert found.content_hash == model().content_hash


@FUZZED
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bytes_never_get_through(path, flips):
    content = bytearray(path.read_bytes())
    for place, mask in flips:
        content[int(place * len(content))] ^= mask
    refused_or_the_same(path, bytes(content))


@FUZZED
@given(st.floats(0, 1), st.binary(max_size=40))
def test_truncated_and_spliced_files_never_get_through(path, place, inserted):
    content = path.read_bytes()
    at = int(place * len(content))
    refused_or_the_same(path, content[:at] + inserted)
    refused_or_the_same(path, content[:at] + inserted + content[at:])


@FUZZED
@given(st.integers(0, 2**64 - 1), st.binary(max_size=200))
def test_arbitrary_headers_never_get_through(path, length, header):
    refused_or_the_same(path, length.to_bytes(8, "little") + header)
    refused_or_the_same(path, len(header).to_bytes(8, "little") + header)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@FUZZED
@given(st.sampled_from(["dtype", "shape", "data_offsets"]), JSON)
def test_any_value_in_the_table_never_gets_through(path, key, value):
    original = path.read_bytes()
    forged(path, change_table=lambda table: table["pixel_mean"].update({key: value}))
    content = path.read_bytes()
    path.write_bytes(original)
    refused_or_the_same(path, content)


@FUZZED
@given(st.sampled_from(["schema", "axes", "config", "action", "observation", "frame_skip", "lineage", "seed"]), JSON)
def test_any_value_in_the_contract_raises_nothing_else(path, key, value):
    original = path.read_bytes()
    forged(path, change_contract=lambda contract: contract.update({key: value}))
    content = path.read_bytes()
    path.write_bytes(original)
    target = path.with_name("fuzzed")
    target.write_bytes(content)
    try:
        read(target)
    except BadModelFile:
        return
    # Only what may be any JSON object, or any whole number, can pass under a checksum made anew.
    assert key in {"lineage", "seed", "frame_skip", "observation", "schema"}


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_json_is_refused_quickly(path, depth):
    header = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    refused(path)
