"""What the page may ask for, each command read strictly: nothing unknown, nothing that is not finite, nothing too large."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gedanken.errors import BadInput
from gedanken.strict_json import parse_object

Place = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=2, max_length=2)]
"""x and y as shares of the picture, from its left upper corner."""
Action = Annotated[list[float], Field(min_length=1, max_length=64)]
Moment = Annotated[int, Field(ge=0, lt=2**31)]


class Command(BaseModel):
    """One command; `id` comes back with its answer."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)
    id: int | None = Field(None, ge=0, lt=2**53)


class Open(Command):
    """A drawn task of the world, or an episode of a recording."""

    do: Literal["open"]
    seed: int = Field(0, ge=0, lt=2**53)
    recording: int | None = Field(None, ge=0, lt=10_000)
    episode: int = Field(0, ge=0, lt=10**9)


class SetGoal(Command):
    """A goal: where in the picture, a picture, or a moment of what is open."""

    do: Literal["goal"]
    place: Place | None = None
    picture: str | None = Field(None, max_length=8 * 2**20)
    moment: Moment | None = None


class Put(Command):
    """The agent elsewhere, as by someone's hand."""

    do: Literal["put"]
    place: Place


class Go(Command):
    """Think and act until the goal is held, or until told to stop; in a recording, think once."""

    do: Literal["go"]
    pace: float = Field(20.0, ge=1, le=120)
    steps: int = Field(400, ge=1, le=2000)
    at: Moment | None = None


class Stop(Command):
    """Act no further than the end of this model step."""

    do: Literal["stop"]


class Suppose(Command):
    """Futures side by side: each action held for so many model steps."""

    do: Literal["suppose"]
    actions: Annotated[list[Action], Field(min_length=1, max_length=4)]
    steps: int = Field(8, ge=1, le=64)
    at: Moment | None = None


class Dream(Command):
    """One more model step in the model, from where the dream is; the first begins at a moment."""

    do: Literal["dream"]
    action: Action
    at: Moment | None = None


class Wake(Command):
    """End the dream; the next begins anew."""

    do: Literal["wake"]


class Show(Command):
    """The picture of a moment."""

    do: Literal["show"]
    at: Moment


class Look(Command):
    """What came after a moment, beside what was imagined there."""

    do: Literal["look"]
    at: Moment
    ahead: int = Field(6, ge=1, le=32)


class Cause(Command):
    """What in the picture of a moment was surprising."""

    do: Literal["cause"]
    at: Moment


class Recall(Command):
    """Memories of moments like this one."""

    do: Literal["recall"]
    at: Moment
    count: int = Field(6, ge=1, le=24)


_Known = Annotated[
    Open | SetGoal | Put | Go | Stop | Suppose | Dream | Wake | Show | Look | Cause | Recall, Field(discriminator="do")
]
_READER: TypeAdapter[Any] = TypeAdapter(_Known)


def command_of(message: str | bytes) -> Any:
    """The command in a message.

    Raises:
        BadInput: it is no JSON object, or none of the commands.
    """
    raw = parse_object(message)
    try:
        return _READER.validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])[:80] or "the command"
        raise BadInput(f"{where} does not fit: {first['msg'][:160]}.") from error
