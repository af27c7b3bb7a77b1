"""Which date format a client's dates seem to be in, where they are not in the one it is said to have.

Belongs here: the formats that companies export, and the command that sets one. Does not belong here: reading
a date (``values``), judging a row (``faults``).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import date

import polars as pl

from orchestration.landing.delivery import Delivery
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal
from orchestration.landing.values import as_date

_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d %b %Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y"),
)
_PERIODS = (
    "%Y-%m",
    "%m/%Y",
    "%m.%Y",
    "%Y/%m",
    "%Y%m",
    "%G%V",
    "%b %Y",
    "%b-%Y",
    "%b-%y",
    "%b %y",
    "%B %Y",
    "%YM%m",
    "%G-W%V",
    "%GW%V",
    "W%V %G",
    "W%V-%G",
    "KW %V/%G",
)
"""Months and weeks, which are dated by their first day."""

_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")

_PLAUSIBLE = (date(1990, 1, 1), date(2100, 1, 1))

ISO = "YYYY-MM-DD"
_LOOKED_AT = 1_000


def possible_formats(samples: Sequence[str]) -> list[str]:
    """The formats in which every sample is a day, the most usual first.

    >>> possible_formats(["30.09.2022", "01.10.2022"])
    ['%d.%m.%Y']
    >>> possible_formats(["03/04/2022"])
    ['%d/%m/%Y', '%m/%d/%Y']
    >>> possible_formats(["2022-11", "2022-12"])
    ['%Y-%m']

    Args:
        samples: texts of dates as delivered; none give no format.
    """
    texts = pl.DataFrame({"text": pl.Series(samples, dtype=pl.String)})

    def reads_all(date_format: str) -> bool:
        days = texts.select(as_date(pl.col("text"), date_format).alias("day"))["day"]
        return days.len() > 0 and days.is_between(*_PLAUSIBLE).fill_null(False).all()

    formats = [f"{day}{time}" for time in _TIMES for day in _DAYS] + list(_PERIODS)
    return [date_format for date_format in formats if reads_all(date_format)]


def raise_if_of_another_format(delivery: Delivery, bad_dates: int, rows_read: int) -> None:
    """Refuse a file whose dates are all in one other format, with the command that sets it.

    Args:
        delivery: whose rejected rows say what stands where a date should.
        bad_dates: rows rejected for their date.
        rows_read: rows of the file.

    Raises:
        FileRefusedError: the dates that could not be read have a format that companies use.
    """
    rows = delivery.connection.execute(
        r"""
        select distinct (regexp_match(message, '^\S+ ''(.*)'' is not a date as '))[1]
        from (select message from refused where reason = %s order by line_number limit %s) as bad
        """,
        (str(Reason.BAD_DATE), _LOOKED_AT),
    ).fetchall()
    samples = sorted(text for (text,) in rows if text)
    formats = [] if delivery.contract.iso_dates else possible_formats(samples)
    if not formats:
        return
    client, feed = delivery.identity.client, delivery.feed_name
    setting = (
        f"forecaster client update {client.client_id}"
        if feed is None
        else f"forecaster feed set {client.client_id} {shlex.quote(feed)}"
    )
    own = None if feed is None else client.feeds[feed].date_format
    expected = own or client.date_format or ISO
    commands = " or, if the month comes first, ".join(
        f"'{setting} --date-format {shlex.quote(date_format)}'" for date_format in formats[:2]
    )
    raise FileRefusedError(
        Refusal.OTHER_DATE_FORMAT,
        f"{delivery.identity.path}: {bad_dates:,} of {rows_read:,} rows have dates such as "
        f"{samples[0]!r}, which are not {expected}; say how they are written: {commands}",
    )
