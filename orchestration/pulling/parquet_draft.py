"""Rows of Python values into a Parquet file, whose columns grow into their types as rows come.

Parquet and not CSV: a number stays a number and a text a text, whatever a client's files say of decimal
marks, separators and encodings. Belongs here: types. Does not belong here: where rows come from
(``query_rows``) and where the file goes (``place``).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal, localcontext
from typing import Any, BinaryIO
from uuid import UUID

from orchestration.foreign_text import printable
from orchestration.pulling.faults import PullError
from orchestration.pulling.place import Place

_SCALE = 10
"""Decimals that are kept: more than any column of the data contracts has."""


class ParquetDraft:
    """A draft in a source's folder that batches of rows are added to."""

    def __init__(self, place: Place, columns: Sequence[str], timezone: str) -> None:
        """Begin.

        Args:
            place: the source's folder.
            columns: their names.
            timezone: of the client; moments are written as its clock shows them.

        Raises:
            PullError: two columns have one name.
        """
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise PullError(f"Two columns of the query are called {twice[0]!r}: give one another name.")
        self._place = place
        self._columns = columns
        self._timezone = timezone
        self._schema: Any = None
        self._writer: Any = None
        self._file: BinaryIO | None = None

    def add(self, rows: Sequence[Sequence[Any]]) -> int:
        """Write a batch; returns the size of the file so far.

        Raises:
            PullError: a column holds something that is no number, text, day or moment, or several of them.
        """
        import pyarrow as pa

        batch = pa.table(
            {
                name: _column(name, [row[index] for row in rows], self._timezone)
                for index, name in enumerate(self._columns)
            }
        )
        try:
            known = [self._schema] if self._schema is not None else []
            schema = pa.unify_schemas([*known, batch.schema], promote_options="permissive")
            batch = batch.cast(schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise PullError(
                f"A column of the query holds several types ({_first(error)}): cast it."
            ) from error
        with self._place.explained():
            if schema != self._schema:
                self._begin(schema)
            self._writer.write_table(batch)
        return self._file.tell() if self._file else 0

    def finish(self) -> BinaryIO:
        """The whole file, open for as long as the draft is."""
        assert self._file is not None
        with self._place.explained():
            self._writer.close()
        return self._file

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            with suppress(OSError):
                self._writer.close()
            self._file.close()

    def _begin(self, schema: Any) -> None:
        """Begin a file with these types, and take over what was written with narrower ones."""
        import pyarrow.parquet as pq

        earlier, writer = self._file, self._writer
        self._schema = schema
        self._file = self._place.draft()
        self._writer = pq.ParquetWriter(self._file, schema)
        if earlier is not None:
            writer.close()
            with earlier:
                written = pq.ParquetFile(earlier)
                for group in range(written.num_row_groups):
                    self._writer.write_table(written.read_row_group(group).cast(schema))


def _column(name: str, values: Sequence[Any], timezone: str) -> Any:
    """Values as an Arrow array.

    Raises:
        PullError: they are of no type, or of several.
    """
    import pyarrow as pa

    try:
        return pa.array(*_typed(values, timezone))
    except (pa.ArrowInvalid, pa.ArrowTypeError, ArithmeticError) as error:
        raise PullError(
            f"The column {name!r} of the query holds values of several types, or too large ones "
            f"({_first(error)}): cast it."
        ) from error
    except _NoColumnError as error:
        raise PullError(
            f"The column {name!r} of the query holds {error}: cast it to text, number or date."
        ) from error


class _NoColumnError(Exception):
    """Values of a type that nothing here has a column for; the message is its name."""


def _typed(values: Sequence[Any], timezone: str) -> tuple[Sequence[Any], Any]:
    """Values as Arrow takes them, and the type of their column; None where Arrow finds it."""
    import pyarrow as pa

    match first := next((value for value in values if value is not None), None):
        case None | bool() | int() | float() | str():
            return values, None
        case Decimal():
            whole = all(value is None or _is_whole(value) for value in values)
            kind = pa.int64() if whole else pa.decimal128(38, _SCALE)
            return [_decimal(value, whole=whole) for value in values], kind
        case datetime():
            return values, pa.timestamp("us", tz=timezone if first.tzinfo else None)
        case date():
            return values, pa.date32()
        case time() | UUID():
            return [None if value is None else str(value) for value in values], pa.string()
    raise _NoColumnError(type(first).__name__)


def _is_whole(value: Any) -> bool:
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else None
    return isinstance(exponent, int) and exponent >= 0


def _decimal(value: Any, *, whole: bool) -> Any:
    """A number of the database's; what is no number there is unknown."""
    if not isinstance(value, Decimal):
        return value
    if not value.is_finite():
        return None
    if whole:
        return int(value)
    with localcontext(prec=38):
        return round(value, _SCALE)


def _first(error: Exception) -> str:
    return printable(str(error).splitlines()[0])
