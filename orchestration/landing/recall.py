"""The text of rows that were accepted first and rejected later: it is read from the file a second time.

Mostly nothing is lacking and nothing is read, which is why the text of good rows is not copied at all.

Belongs here: finding the texts that lack. Does not belong here: rejecting rows (``judging``, ``whole_file``).
"""

from __future__ import annotations

from typing import BinaryIO

import polars as pl

from orchestration.landing.batches import LINE, RAW
from orchestration.landing.delivery import Delivery
from orchestration.landing.faults import storable
from orchestration.landing.folder import FileChangedError
from orchestration.landing.reader import open_delivery
from orchestration.landing.reasons import FileRefusedError
from orchestration.warehouse.bulk import append_to_temporary, create_temporary


def recall_text(delivery: Delivery, content: BinaryIO, limit: int | None) -> None:
    """Read the file again for the text of rows that were accepted first and rejected later.

    Args:
        delivery: whose ``refused`` may lack texts; mostly none are lacking, and nothing is read.
        content: the file.
        limit: rejected rows that are kept, from the first line; None keeps all.

    Raises:
        FileChangedError: the file cannot be read as before.
    """
    [last] = delivery.row(
        """
        select max(line_number) filter (where raw is null)
        from (select line_number, raw from refused order by line_number limit %s) as kept
        """,
        (limit,),
    )
    if last is None:
        return
    create_temporary(delivery.connection, "recalled", "ops.rejected_rows", [LINE, RAW])
    try:
        for batch in open_delivery(delivery, content).batches:
            texts = batch.rows.select(LINE, storable(pl.col(RAW)))
            append_to_temporary(delivery.connection, "recalled", _lacking(delivery, texts))
            if not texts.is_empty() and texts[LINE][-1] >= last:
                break
    except FileRefusedError as error:
        raise FileChangedError(delivery.identity.path) from error
    delivery.connection.execute(
        """
        update refused set raw = recalled.raw
        from recalled where recalled.line_number = refused.line_number
        """
    )


def _lacking(delivery: Delivery, texts: pl.DataFrame) -> pl.DataFrame:
    """Those of a batch's texts, ``line_number, raw``, that the rejected rows lack."""
    lines = delivery.connection.execute(
        "select line_number from refused where raw is null and line_number between %s and %s",
        (texts[LINE].min(), texts[LINE].max()),
    ).fetchall()
    return texts.filter(pl.col(LINE).is_in([line for (line,) in lines]))
