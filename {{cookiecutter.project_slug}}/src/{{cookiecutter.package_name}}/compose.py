"""conf/ in, params.yaml out: the one place that runs Hydra.

DVC composes the same configuration by itself for `dvc exp run -S`; the text written here is the
text that DVC would write.
"""

from __future__ import annotations

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .config import parse
from .errors import ProjectError
from .layout import Layout, replacing


def composed(layout: Layout, overrides: list[str] | None = None) -> str:
    """`conf/` as the text of params.yaml. Raises ProjectError when it does not compose or fit."""
    try:
        with initialize_config_dir(str(layout.conf.resolve()), version_base=None):
            values = hydra_compose("config", overrides or [])
            OmegaConf.resolve(values)
    except (HydraException, OmegaConfBaseException) as error:
        raise ProjectError(f"conf/ does not compose: {error}") from error
    parse(OmegaConf.to_container(values), "conf/")
    return OmegaConf.to_yaml(values)


def is_current(layout: Layout) -> bool:
    """Whether params.yaml says what conf/ says."""
    return _says(layout, composed(layout))


def write(layout: Layout) -> bool:
    """Bring params.yaml up to date; True if it changed."""
    text = composed(layout)
    if _says(layout, text):
        return False
    with replacing(layout.params) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    print("compose   params.yaml written from conf/", flush=True)
    return True


def _says(layout: Layout, text: str) -> bool:
    return layout.params.is_file() and layout.params.read_text(encoding="utf-8") == text
