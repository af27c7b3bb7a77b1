"""A delivery over HTTP: bytes into the client's landing folder, once, and where to ask what became of them.

Belongs here: what the route and the page share. Does not belong here: how the bytes travel
(``routes.deliveries``, ``pages.data``), what is in them, which the landing reader judges.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.datastructures import FormData
from pydantic import BaseModel, Field

from orchestration.api.callers import ClientWork, office_of
from orchestration.api.deeds import done_once
from orchestration.api.idempotency import Answer
from orchestration.api.pool import Connection
from orchestration.api.problems import Kind as Problem
from orchestration.api.problems import ProblemError, not_valid
from orchestration.landing.handed_in import SUFFIXES, described, hand_in
from orchestration.landing.kind import Kind


class DeliveryDocument(BaseModel):
    """A delivery that was taken; its rows are judged when it is loaded."""

    path: str = Field(
        description="Its name in the landing folder.", examples=["sales_api_9f2c41d07be3a115.csv"]
    )
    sha256: str = Field(description="By which it is found among the deliveries.")
    size_bytes: int
    sentence: str
    status_url: str = Field(description="What became of it, once it was looked at.")
    rejected_rows_url: str = Field(description="Its rows that were not loaded, by the file_id found there.")


def deliver(request: Request, work: ClientWork, kind: Kind, suffix: str, content: bytes) -> Answer:
    """Put a file into the client's landing folder; the same content is one file however often it comes."""
    folder = office_of(request).settings.client_landing_dir(work.home)
    taken = described(kind, suffix, content)

    def put(_connection: Connection) -> Answer:
        hand_in(folder, taken, content)
        base = f"/api/v1/clients/{work.client_id}"
        shown = DeliveryDocument(
            path=taken.path,
            sha256=taken.sha256,
            size_bytes=taken.size_bytes,
            sentence="It lies in the landing folder; while 'forecaster up' runs it is loaded in a minute.",
            status_url=f"{base}/deliveries?sha256={taken.sha256}",
            rejected_rows_url=f"{base}/rejected-rows",
        )
        return Answer(202, shown.status_url, shown.model_dump(mode="json"))

    return done_once(request, work, taken.sha256.encode(), put)


async def file_of(form: FormData) -> tuple[str, bytes]:
    """The suffix and the bytes of the one file of a form.

    Raises:
        ProblemError: there is none, or its format is not taken.
    """
    files = [value for value in form.values() if not isinstance(value, str)]
    if len(files) != 1:
        raise not_valid("body.file", "Send one file in the form's field 'file'.")
    name = (files[0].filename or "").lower()
    suffix = next((found for found in SUFFIXES.values() if name.endswith(found)), None)
    if suffix is None:
        raise ProblemError(
            Problem.WRONG_MEDIA_TYPE, f"The file's name ends in none of {', '.join(SUFFIXES.values())}."
        )
    content = await files[0].read()
    if not content:
        raise not_valid("body.file", "There is nothing in the file.")
    return suffix, content
