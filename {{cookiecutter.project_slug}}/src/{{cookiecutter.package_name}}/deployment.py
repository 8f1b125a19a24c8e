"""deploy/deployment.json: which model answers. `deploy` writes it, the running API reads it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import ProjectError
from .layout import Layout, replacing


class Deployment(BaseModel):
    """`bundle` is a folder below deploy/; `version` is the number of the registered version in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str = "recreate"
    version: str
    bundle: str
    deployed: datetime


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
        temporary.write_text(deployment.model_dump_json(indent=2) + "\n", encoding="utf-8")
