"""How rows travel: JSON, CSV or Parquet as the caller accepts, and the tag by which a copy is known.

Belongs here: choosing and writing a format, ETags. Does not belong here: what the rows are.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import polars as pl

from orchestration.api.problems import Kind, ProblemError


class Format(StrEnum):
    """Media types offered for rows; the first is the answer where anything is accepted."""

    JSON = "application/json"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"


def chosen_format(accept: str | None) -> Format:
    """The format that an Accept header likes best; of equals, the one offered first.

    Raises:
        ProblemError: it likes none of them.
    """
    wishes = _weights(accept or "*/*")
    liked = {found: _weight(wishes, found) for found in Format}
    best = max(Format, key=lambda found: liked[found])
    if liked[best] <= 0:
        raise ProblemError(Kind.NOT_ACCEPTABLE, f"Ask for one of {', '.join(Format)} in the header Accept.")
    return best


def _weights(accept: str) -> dict[str, float]:
    weights = {}
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[media_type] = weight
    return weights


def _weight(wishes: Mapping[str, float], offered: Format) -> float:
    """By the most precise of the ranges that hold the type."""
    family = offered.value.partition("/")[0]
    for wish in (offered.value, f"{family}/*", "*/*"):
        if wish in wishes:
            return wishes[wish]
    return 0.0


def written(rows: pl.DataFrame, as_format: Format, beside: Mapping[str, Any]) -> bytes:
    """Rows in a format.

    Args:
        rows: any.
        as_format: CSV and Parquet hold the rows alone.
        beside: members of the JSON document beside ``data``.
    """
    if as_format is Format.PARQUET:
        buffer = io.BytesIO()
        rows.write_parquet(buffer)
        return buffer.getvalue()
    told = rows.with_columns(
        pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        for name, dtype in rows.schema.items()
        if isinstance(dtype, pl.Datetime)
    )
    if as_format is Format.CSV:
        flat = told.with_columns(
            pl.col(name).list.join("|") for name, dtype in rows.schema.items() if isinstance(dtype, pl.List)
        )
        return flat.write_csv().encode()
    members = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in beside.items())
    return f'{{"data":{told.write_json()}{members}}}'.encode()


def etag(body: bytes) -> str:
    """The tag of a body: the same bytes, the same tag."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Whether the caller has the body with this tag already."""
    listed = [part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")]
    return tag in listed or listed == ["*"]
