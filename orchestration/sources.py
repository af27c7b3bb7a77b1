"""What a source is: where files or rows of a client are pulled from, each setting said once.

Belongs here: the fields, and what is valid. Does not belong here: what a reference to a secret looks like
(``references``), the pulling (``pulling``), how the pulled files are read (``feeds``).
"""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestration.cron import valid_cron
from orchestration.fields import Setting
from orchestration.references import is_reference, secret_in_setting, secret_in_url, take_apart

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""What a source may be called: its name is part of a folder's, a file's and a schedule's."""

_LONGEST_NAME = 32

_BOUND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
"""A value that SQLAlchemy binds; a colon behind a backslash begins none."""


def is_name(text: str) -> bool:
    """Whether a source can be called that."""
    return len(text) <= _LONGEST_NAME and NAME.fullmatch(text) is not None


class Source(BaseModel):
    """Where something of a client is pulled from: files, or the rows of a query."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    url: Annotated[
        str,
        Setting(
            "Files such as s3://bucket/path/*.csv, sftp://user@host/path/*.csv or file:///path/*.csv, or a "
            "database such as 'postgresql://user:${ACME_PASSWORD}@host/erp'; what is secret is named as an "
            "environment variable."
        ),
    ]
    options: Annotated[
        dict[str, str],
        Setting(
            "name -> value of what opens the files beside the URL.",
            option="--option",
            one_piece="NAME=VALUE of what opens the files, such as 'secret=${ACME_S3_SECRET}' or "
            "endpoint_url=https://s3.example.com; repeatable, VALUE '' takes it back.",
        ),
    ] = {}
    cron: Annotated[
        str | None, Setting("When it is pulled by itself, such as '30 4 * * *'", empty="never")
    ] = None
    query: Annotated[
        str | None,
        Setting(
            "SQL whose rows are pulled; :since is the watermark, NULL at first", empty="files are pulled"
        ),
    ] = None
    kind: Annotated[
        str | None,
        Setting(
            "Kind of the query's rows, by which their files are named: sales, products ...", empty="none"
        ),
    ] = None
    watermark: Annotated[
        str | None,
        Setting("Column of the query whose greatest value is the next :since", empty="all rows, every time"),
    ] = None
    overlap_days: Annotated[
        int,
        Field(ge=0, le=3660),
        Setting("Days before the watermark that are read again, for what was corrected late."),
    ] = 0

    @property
    def is_database(self) -> bool:
        """Whether rows are pulled, not files."""
        return self.query is not None

    _valid_cron = field_validator("cron")(valid_cron)

    @field_validator("options")
    @classmethod
    def _no_secret_among_options(cls, value: dict[str, str]) -> dict[str, str]:
        for name, said in value.items():
            if (problem := secret_in_setting(name, said)) is not None:
                raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _no_secret_in_the_url(self) -> Self:
        if (problem := secret_in_url(self.url, has_parameters=self.is_database)) is not None:
            raise ValueError(problem)
        if not is_reference(self.url) and take_apart(self.url) is None:
            raise ValueError(
                "the URL begins with no protocol such as s3://, sftp://, file:// or postgresql://"
            )
        if self.url.lower().startswith("file://") and not self.url[7:].startswith("/"):
            raise ValueError("a folder of this machine begins with a slash, as in file:///srv/exports/*.csv")
        if "::" in self.url.partition("://")[0]:
            raise ValueError("the URL chains protocols; name one")
        return self

    @model_validator(mode="after")
    def _files_or_rows(self) -> Self:
        if not self.is_database:
            named = [name for name in ("kind", "watermark", "overlap_days") if getattr(self, name)]
            if named:
                raise ValueError(f"{named[0]} belongs to a query, and there is none")
            return self
        if self.options:
            raise ValueError("options belong to files; a database takes its own as parameters of the URL")
        if self.kind is None:
            raise ValueError("the kind of the query's rows is missing")
        bound = set(_BOUND.findall(str(self.query)))
        if other := sorted(bound - {"since"}):
            raise ValueError(f":{other[0]} in the query stands for nothing; write \\:{other[0]} for a colon")
        if bool(bound) != bool(self.watermark):
            raise ValueError("the query's :since and a watermark need each other")
        if self.overlap_days and self.watermark is None:
            raise ValueError("overlap_days goes back from a watermark, and there is none")
        return self
