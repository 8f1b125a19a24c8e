"""Names of tables and columns as the zones spell them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def snake_case(text: str) -> str:
    """`Body Mass (g)` as body_mass_g: ASCII letters, digits and single underscores, no digit first.

    A name that is one already is left as it is; one without a letter or digit is empty.
    """
    ascii_text = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", ascii_text)
    name = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    return f"n_{name}" if name[:1].isdigit() else name


def column_names(headers: Iterable[str]) -> list[str]:
    """One distinct snake_case name a header; a repeated one gets `_2`, an empty one its position."""
    names: list[str] = []
    for position, header in enumerate(headers, start=1):
        name = wanted = snake_case(header) or f"column_{position}"
        number = 1
        while name in names:
            number += 1
            name = f"{wanted}_{number}"
        names.append(name)
    return names
