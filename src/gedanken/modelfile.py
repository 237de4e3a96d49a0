"""The model file: one `.safetensors` that holds everything needed to use a model, and can never run code.

    8 bytes                    length of the header, little endian
    header, JSON               for each tensor its dtype, shape and place; under `__metadata__` one more JSON text:
                               schema, configuration, action and observation contract, lineage, seed, content hash
    the tensors' bytes         weights, and the statistics that normalise inputs, end to end

`read` checks the header by itself, before memory is taken for a single tensor; only then does the safetensors library
see the file. `gedanken.recipes` builds a model from what is read here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from gedanken import __version__
from gedanken.errors import BadInput, BadModelFile, GedankenError, NonFinite, StorageError
from gedanken.strict_json import action_spec, count, field, parse_object, shape, stream_record, stream_spec
from gedanken.types import ActionSpec, StreamSpec

SCHEMA = 1
LARGEST_FILE = 2**31
AXES = {"observations": "B T ...", "latents": "B T P D", "actions": "B N H A", "energies": "B N"}
"""The axis legend a model of this schema follows; see `gedanken.types`."""

_LARGEST_HEADER = 1 << 22
_CONTRACT = "gedanken"
_CHECKSUM = "gedanken.sha256"
_DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}

TensorSpec = tuple[torch.dtype, tuple[int, ...]]
"""Dtype and shape of one tensor."""

Expected = Mapping[str, TensorSpec]
"""The tensors a model consists of, exactly."""


@dataclass(frozen=True)
class ModelHeader:
    """What a model file says about itself.

    Args:
        config: configuration of the model, plain JSON.
        action: what one environment action is.
        observation: the streams the model reads.
        frame_skip: environment steps in one model step; A = frame_skip × action.width.
        lineage: how it was trained: data, recipe, steps; plain JSON.
        seed: seed of the training.
        library: version of gedanken that wrote it.
        tensors: dtype and shape of each tensor.
        content_hash: SHA-256 of configuration and tensors, in hex.
    """

    config: Mapping[str, Any]
    action: ActionSpec
    observation: Mapping[str, StreamSpec]
    frame_skip: int
    lineage: Mapping[str, Any]
    seed: int
    library: str
    tensors: Expected
    content_hash: str


@dataclass(frozen=True)
class ModelFile:
    """A model as it is stored; the fields are those of `ModelHeader`, with the tensors themselves."""

    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    action: ActionSpec
    observation: Mapping[str, StreamSpec]
    frame_skip: int = 1
    lineage: Mapping[str, Any] = dataclass_field(default_factory=dict)
    seed: int = 0
    library: str = __version__

    @property
    def content_hash(self) -> str:
        """SHA-256 over the canonical JSON of the configuration and, in the order of their names, all tensors."""
        digest = sha256(_canonical(self.config).encode())
        for name in sorted(self.tensors):
            tensor = self.tensors[name].detach().cpu().contiguous()
            told = [name, _dtype_name(name, tensor.dtype), list(tensor.shape)]
            digest.update(b"\n" + json.dumps(told).encode() + b"\n")
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


def write(path: str | os.PathLike[str], model: ModelFile) -> str:
    """Write `model` to `path`, whole or not at all, and return its content hash.

    Raises:
        BadInput: the configuration or lineage is not JSON, a dtype is not storable, or it exceeds 2 GB.
        NonFinite: a tensor holds NaN or infinity.
        StorageError: the disk refused; a file already at `path` is as it was.
    """
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}.writing")
    content_hash = model.content_hash
    contract = _contract_text(model, content_hash)
    # A copy for each: the library refuses tensors that share memory, as tied weights do.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.tensors.items()
    }
    _check_storable(tensors, contract)
    try:
        # Not the library's own `save_file`, whose files nobody but their writer may read.
        content = safetensors.torch.save(tensors, {_CONTRACT: contract, _CHECKSUM: _checksum(contract)})
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, target)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"the model could not be written to {target}: {error}; nothing was changed.") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return content_hash


def read_header(path: str | os.PathLike[str]) -> ModelHeader:
    """What the model file at `path` says about itself; no memory is taken for its tensors.

    Raises:
        BadModelFile: not a model file, of an unknown schema, too large, or a header that lies.
    """
    with _opened(Path(path)) as file:
        return _header(Path(path), file)


def read(
    path: str | os.PathLike[str], expected: Expected | Callable[[ModelHeader], Expected] | None = None
) -> ModelFile:
    """The model file at `path`, once everything about it has been checked.

    Args:
        path: the file.
        expected: the tensors it must hold, exactly; or a function that tells them from the header, called before any
            tensor is read; or None to take what is there.
    Raises:
        BadModelFile: what `read_header` refuses; tensors that are missing, left over, or of another shape or dtype; a
            content hash that does not match; NaN or infinity.
    """
    source = Path(path)
    with _opened(source) as file:
        header = _header(source, file)
        if expected is not None:
            _check_expected(source, header, expected)
        file.seek(0)
        # All of it and no more: a buffer is taken for as much as is asked for.
        content = file.read(os.fstat(file.fileno()).st_size)
    try:
        tensors = safetensors.torch.load(content)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise BadModelFile(f"{source.name} was refused by safetensors: {str(error)[:120]}.") from error
    model = ModelFile(
        config=header.config,
        tensors=tensors,
        action=header.action,
        observation=header.observation,
        frame_skip=header.frame_skip,
        lineage=header.lineage,
        seed=header.seed,
        library=header.library,
    )
    if model.content_hash != header.content_hash:
        raise BadModelFile(f"{source.name} was damaged: its tensors do not match its content hash; fetch it again.")
    unfit = _first_non_finite(tensors)
    if unfit is not None:
        raise BadModelFile(f"{source.name} holds NaN or infinity in tensor {unfit!r}; it cannot be used.")
    return model


def _contract_text(model: ModelFile, content_hash: str) -> str:
    if model.frame_skip < 1:
        raise BadInput(f"frame_skip={model.frame_skip} must be at least 1.")
    contract = {
        "schema": SCHEMA,
        "axes": AXES,
        "library": model.library,
        "config": json.loads(_canonical(model.config)),
        "action": asdict(model.action),
        "observation": {name: stream_record(spec) for name, spec in model.observation.items()},
        "frame_skip": model.frame_skip,
        "lineage": json.loads(_canonical(model.lineage)),
        "seed": model.seed,
        "content_hash": content_hash,
    }
    text = json.dumps(contract, sort_keys=True)
    # What cannot be read back must not be written.
    _contract(text, {})
    return text


def _canonical(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"the configuration and lineage must be plain, finite JSON: {str(error)[:120]}.") from error


def _checksum(contract: str) -> str:
    return sha256(contract.encode()).hexdigest()


def _dtype_name(name: str, dtype: torch.dtype) -> str:
    for told, known in _DTYPES.items():
        if known == dtype:
            return told
    raise BadInput(f"tensor {name!r} is {dtype}, which a model file cannot hold; convert it.")


def _check_storable(tensors: Mapping[str, Tensor], contract: str) -> None:
    unfit = _first_non_finite(tensors)
    if unfit is not None:
        raise NonFinite(f"tensor {unfit!r} holds NaN or infinity; a model file keeps finite numbers only.")
    described = sum(len(json.dumps(name)) + 200 for name in tensors)
    if described + len(json.dumps(contract)) > _LARGEST_HEADER:
        raise BadInput(f"configuration, lineage and tensor names exceed {_LARGEST_HEADER} bytes; shorten the lineage.")
    if sum(tensor.nbytes for tensor in tensors.values()) > LARGEST_FILE - _LARGEST_HEADER:
        raise BadInput("the tensors exceed the 2 GB of a model file; store a smaller model or in half precision.")


def _first_non_finite(tensors: Mapping[str, Tensor]) -> str | None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return name
    return None


def _opened(path: Path) -> BinaryIO:
    # A pipe or device would block or never end.
    if not path.is_file():
        raise BadModelFile(f"there is no model file at {path}.")
    try:
        return path.open("rb")
    except OSError as error:
        raise BadModelFile(f"{path} cannot be opened: {error.strerror}.") from error


def _header(path: Path, file: BinaryIO) -> ModelHeader:
    try:
        table, data_size = _table(file)
        metadata = field(table, "__metadata__", dict)
        text = field(metadata, _CONTRACT, str)
        if metadata != {_CONTRACT: text, _CHECKSUM: _checksum(text)}:
            raise BadInput("its description does not match its checksum.")
        del table["__metadata__"]
        return _contract(text, _tensor_specs(table, data_size))
    except (BadInput, UnicodeError, OSError) as error:
        raise BadModelFile(f"{path.name} is not a sound model file: {error}") from error
    except BadModelFile as error:
        raise BadModelFile(f"{path.name} {error}") from error


def _table(file: BinaryIO) -> tuple[dict[str, Any], int]:
    size = os.fstat(file.fileno()).st_size
    if size > LARGEST_FILE:
        raise BadInput(f"it is {size} bytes; a model file has at most {LARGEST_FILE}.")
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(size - 8, _LARGEST_HEADER):
        raise BadInput(f"its header claims {length} bytes of a file of {size}, at most {_LARGEST_HEADER} allowed.")
    return parse_object(file.read(length)), size - 8 - length


def _tensor_specs(table: Mapping[str, Any], data_size: int) -> dict[str, TensorSpec]:
    specs, places = {}, []
    for name, entry in table.items():
        dtype = _DTYPES.get(field(entry, "dtype", str))
        offsets = [count(offset) for offset in field(entry, "data_offsets", list)]
        if dtype is None or len(offsets) != 2 or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise BadInput(f"tensor {name[:80]!r} has an entry of an unknown kind.")
        specs[name] = (dtype, shape(entry["shape"]))
        if offsets[1] - offsets[0] != prod(specs[name][1]) * dtype.itemsize:
            raise BadInput(f"tensor {name[:80]!r} has a size that its shape and dtype do not give.")
        places.append(tuple(offsets))
    end = 0
    for start, stop in sorted(places):
        if start != end:
            raise BadInput("its tensors overlap or leave a gap.")
        end = stop
    if end != data_size:
        raise BadInput(f"its tensors take {end} bytes, and {data_size} follow the header.")
    return specs


def _contract(text: str, tensors: Expected) -> ModelHeader:
    raw = parse_object(text)
    schema = raw.get("schema")
    if schema != SCHEMA or isinstance(schema, bool):
        raise BadModelFile(
            f"has schema {str(schema)[:40]!r}; this version of gedanken reads schema {SCHEMA}: install the version "
            f"that wrote it ({str(raw.get('library'))[:40]!r})."
        )
    if raw.get("axes") != AXES:
        raise BadInput("its axes are not those of its schema.")
    frame_skip = count(field(raw, "frame_skip", int))
    if frame_skip < 1:
        raise BadInput("its frame_skip is 0; expected at least 1.")
    config, lineage = field(raw, "config", dict), field(raw, "lineage", dict)
    _canonical(config)
    return ModelHeader(
        config=config,
        action=action_spec(field(raw, "action", dict)),
        observation={name: stream_spec(spec) for name, spec in field(raw, "observation", dict).items()},
        frame_skip=frame_skip,
        lineage=lineage,
        seed=field(raw, "seed", int),
        library=field(raw, "library", str),
        tensors=tensors,
        content_hash=field(raw, "content_hash", str),
    )


def _check_expected(path: Path, header: ModelHeader, expected: Expected | Callable[[ModelHeader], Expected]) -> None:
    try:
        wanted = expected(header) if callable(expected) else expected
    except GedankenError as error:
        raise BadModelFile(f"{path.name} has a configuration no model can be built from: {error}") from error
    found = header.tensors
    faults = [f"{name!r} is missing" for name in sorted(wanted.keys() - found.keys())]
    faults += [f"{name[:80]!r} is not part of the model" for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        dtype, size = wanted[name]
        if found[name] != (dtype, tuple(size)):
            faults.append(f"{name!r} is {found[name][0]} {found[name][1]}, expected {dtype} {tuple(size)}")
    if faults:
        more = f" and {len(faults) - 5} more faults" if len(faults) > 5 else ""
        raise BadModelFile(f"{path.name} does not hold its model's tensors: {'; '.join(faults[:5])}{more}.")
