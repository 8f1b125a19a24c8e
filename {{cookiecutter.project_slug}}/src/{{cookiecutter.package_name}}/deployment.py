"""deploy/deployment.json: which models answer, and whom. `deploy` writes it, the running API reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import ProjectError
from .layout import Layout, replacing

Arm = Literal["champion", "challenger"]
Strategy = Literal["recreate", "blue-green", "shadow", "canary", "ramped", "ab", "interleaved"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
SHARED: tuple[Strategy, ...] = ("canary", "ramped", "ab")
"""Strategies in which a share of the users is answered by the challenger."""

COMPARED: tuple[Strategy, ...] = ("shadow", *SHARED, "interleaved")
"""Strategies in which a challenger runs beside the champion."""


class Model(BaseModel):
    """`bundle` is a folder below deploy/; `version` is the number of the registered version in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    bundle: str


class Deployment(BaseModel):
    """`standby` is what answered before: blue-green keeps it loaded, so that the way back takes no time.

    `share` of the users (0 to 1) are the challenger's; where it is ramped, after `hours`, evenly from none on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Strategy = "recreate"
    champion: Model
    challenger: Model | None = None
    standby: Model | None = None
    share: float | None = Field(default=None, ge=0, le=1)
    hours: float | None = Field(default=None, gt=0)
    deployed: datetime

    @model_validator(mode="after")
    def _whole(self) -> Deployment:
        for name, needed in (
            ("challenger", self.strategy in COMPARED),
            ("share", self.strategy in SHARED),
            ("hours", self.strategy == "ramped"),
        ):
            if (getattr(self, name) is not None) != needed:
                raise ValueError(f"{self.strategy} {'needs' if needed else 'has no'} {name}")
        return self

    @property
    def arms(self) -> dict[Arm, Model]:
        """The models that answer, or will be compared, by the name of their arm."""
        arms: dict[Arm, Model] = {"champion": self.champion}
        if self.challenger:
            arms["challenger"] = self.challenger
        return arms


def read(layout: Layout) -> Deployment | None:
    """The current deployment, or None before the first. Raises ProjectError when the file is damaged."""
    try:
        return Deployment.model_validate_json(layout.deployment.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ProjectError(f"{layout.deployment} is damaged, run `make deploy`: {error}") from error


def required(layout: Layout) -> Deployment:
    """The current deployment. Raises ProjectError before the first."""
    current = read(layout)
    if current is None:
        raise ProjectError("No model is deployed: run `make promote deploy` first.")
    return current


def write(deployment: Deployment, layout: Layout) -> None:
    with replacing(layout.deployment) as temporary:
        temporary.write_text(deployment.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")
