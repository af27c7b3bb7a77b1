"""M5's wide sales into long rows, batch by batch: one line per item and store, one column per day.

Belongs here: what only this layout has: day labels and the calendar behind them, descriptions of items and
stores inside the sales file. Does not belong here: M5's calendar and prices, which are ordinary kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from orchestration.landing.batches import LINE, RAW, Table
from orchestration.landing.delivery import REJECTED_SCHEMA, Delivery
from orchestration.landing.faults import date_fault
from orchestration.landing.judging import Judged, judge
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal
from orchestration.landing.values import BOOK, Rules, plain_number

PUBLISHED_FIRST_DAY = date(2011, 1, 29)
"""Date of ``d_1`` in the competition's calendar."""

COUNTRY = "US"
"""All of M5's stores are there."""


class WideRows:
    """A wide file on its way to long rows.

    Zeros are kept: an item that was listed and not sold differs from one that was not listed. An empty cell
    is no row.

    Args:
        delivery: whose rows they are; the client's calendar is read in its transaction.
        table: the file; it has at least one day column.
        rules: what rows are judged by.

    Raises:
        FileRefusedError: a day is not in the calendar, or its date is not acceptable.
    """

    def __init__(self, delivery: Delivery, table: Table, rules: Rules) -> None:
        self._contract = delivery.contract
        self._table = table
        self._rules = rules
        path = delivery.identity.path
        labels = [name for name in table.columns if self._contract.is_day(name)]
        self._days = day_dates(labels, _staged_calendar(delivery), path)
        for label, day in self._days.items():
            if reason := date_fault(day, rules):
                raise FileRefusedError(
                    Refusal.DAY_OUT_OF_RANGE, f"{path}: {label} is {day}. {reason.sentence.rstrip('.')}"
                )
        self._about: list[pl.DataFrame] = []
        self._seen = pl.DataFrame(schema={"item_id": pl.String, "location_id": pl.String})

    def judged(self) -> Iterator[Judged]:
        """Long rows ``item_id, location_id, date, order_id, reason, units_sold, line_number``.

        A line with one bad cell is refused whole: its other days would look complete.
        """
        for batch in self._table.batches:
            lines = judge(batch, self._contract, self._rules)
            delivered = lines.accepted.join(batch.rows, on=LINE, how="left", maintain_order="left")
            repeated = self._take_repeated(delivered)
            fresh = lines.accepted.join(repeated, on=LINE, how="anti", maintain_order="left")
            long = self._unpivot(delivered.join(repeated, on=LINE, how="anti", maintain_order="left"))
            bad = _first_bad_cells(long)
            self._about.append(fresh.join(bad, on=LINE, how="anti"))
            rejected = pl.concat([lines.rejected, repeated])
            yield Judged(
                rows_read=lines.rows_read,
                accepted=self._staged(long.join(bad, on=LINE, how="anti", maintain_order="left")),
                rejected=pl.concat([self._with_units(rejected, batch.rows), bad]).sort(LINE),
            )

    def described(self) -> dict[str, pl.DataFrame]:
        """The items and the stores of the lines that were accepted."""
        absent = pl.lit(None, dtype=pl.String)
        described = pl.concat(
            lines.select(
                pl.col(name) if name in lines.columns else absent.alias(name)
                for name in ("item_id", "location_id", "department", "category", "region")
            )
            for lines in self._about
        ).unique(maintain_order=True)
        items = described.unique("item_id", maintain_order=True)
        stores = described.unique("location_id", maintain_order=True)
        return {
            "products": items.select("item_id", "category", "department"),
            "locations": stores.select("location_id", "region", country=pl.lit(COUNTRY)),
        }

    def _take_repeated(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Rejections of the lines whose item and store came before; remembers the others."""
        keys = ["item_id", "location_id"]
        is_known = pl.lit(
            lines.select(keys).join(self._seen.with_columns(known=True), on=keys, how="left")["known"]
        )
        repeated = lines.filter(is_known.fill_null(False) | ~pl.struct(keys).is_first_distinct())
        self._seen = pl.concat([self._seen, lines.select(keys)]).unique()
        return repeated.select(
            LINE,
            pl.lit(Reason.DUPLICATE_KEY_IN_FILE.value).alias("reason"),
            pl.lit("item_id").alias("column_name"),
            pl.format("An earlier line has the item {} and the store {} too.", *keys).alias("message"),
            RAW,
            pl.lit(None, dtype=BOOK).alias("units"),
        )

    def _with_units(self, rejected: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """The rejections with the units of their lines, as far as those can be read."""
        lines = rows.join(rejected, on=LINE, how="semi").with_columns(
            location_id=pl.lit(None, dtype=pl.String)
        )
        totals = (
            self._unpivot(lines)
            .drop_nulls("units_sold")
            .group_by(LINE)
            .agg(pl.col("units_sold").sum().cast(BOOK).alias("units"))
        )
        return rejected.drop("units").join(totals, on=LINE, how="left", maintain_order="left")

    def _unpivot(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line and day: ``line_number, raw, item_id, location_id, day, text, units_sold``."""
        text = pl.col("text").str.strip_chars().replace("", None)
        return (
            lines.unpivot(
                on=list(self._days),
                index=[LINE, RAW, "item_id", "location_id"],
                variable_name="day",
                value_name="text",
            )
            .with_columns(text)
            .with_columns(
                plain_number(pl.col("text"), decimal_comma=self._rules.decimal_comma).alias("units_sold")
            )
        )

    def _staged(self, long: pl.DataFrame) -> pl.DataFrame:
        return long.filter(pl.col("units_sold").is_not_null()).select(
            "item_id",
            "location_id",
            pl.col("day").replace_strict(self._days, return_dtype=pl.Date).alias("date"),
            pl.lit("").alias("order_id"),
            pl.lit("").alias("reason"),
            "units_sold",
            LINE,
        )


def day_dates(labels: list[str], calendar: Mapping[str, date], path: str) -> dict[str, date]:
    """The date of each day label, from the client's calendar or, where there is none, the published one.

    Args:
        labels: ``d_1``, ``d_2`` ...
        calendar: label -> date.
        path: for the message.

    Raises:
        FileRefusedError: the client's calendar lacks a label.
    """
    if not calendar:
        return {
            label: PUBLISHED_FIRST_DAY + timedelta(days=int(label.removeprefix("d_")) - 1) for label in labels
        }
    unknown = [label for label in labels if label not in calendar]
    if unknown:
        raise FileRefusedError(
            Refusal.UNKNOWN_DAY,
            f"{path}: the client's calendar does not know {unknown[0]} ({len(unknown):,} days)",
        )
    return {label: calendar[label] for label in labels}


def _staged_calendar(delivery: Delivery) -> dict[str, date]:
    """The client's own calendar, day label -> date; empty where none was delivered."""
    rows = delivery.connection.execute(
        "select d, date from staging.calendar where client_id = %s and d is not null", (delivery.client_id,)
    )
    return dict(rows.fetchall())


def _first_bad_cells(long: pl.DataFrame) -> pl.DataFrame:
    """One rejection per line that holds a cell that is no number; its units are those of the other cells."""
    is_bad = pl.col("text").is_not_null() & pl.col("units_sold").is_null()
    bad_lines = long.filter(is_bad).select(LINE).unique()
    return (
        long.join(bad_lines, on=LINE, how="semi", maintain_order="left")
        .group_by(LINE, maintain_order=True)
        .agg(
            pl.lit(Reason.BAD_NUMBER.value).alias("reason"),
            pl.col("day").filter(is_bad).first().alias("column_name"),
            pl.format(
                "{} '{}' is not a plain number.",
                pl.col("day").filter(is_bad).first(),
                pl.col("text").filter(is_bad).first().str.slice(0, 60),
            ).alias("message"),
            pl.col(RAW).first(),
            pl.col("units_sold").sum().cast(BOOK).alias("units"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in REJECTED_SCHEMA.items())
    )
