"""What empty shelves cost a client, in units and money, as an answer and in words.

Belongs here: the query over ``analytics.lost_sales`` and its sentence. Does not belong here: the estimate of
a day (``dbt_project/macros/lost_sales.sql``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from orchestration.reporting.numbers import percent
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render

DAYS = 365


@dataclass(frozen=True)
class EmptyShelves:
    """A client's empty shelves in the last year.

    Attributes:
        periods: of all series, that ended with an empty shelf.
        unknown: of these, that nothing earlier tells the loss of.
        lost_qty: estimated units that were wanted and not there.
        lost_value: these at their selling price, client currency; None where no price is known.
        sold_qty: units demanded and served in the same year.
    """

    periods: int
    unknown: int
    lost_qty: float
    lost_value: float | None
    sold_qty: float

    def sentence(self, currency: str | None) -> str:
        """What they cost, as a sentence; nothing known is no all-clear."""
        if not self.periods:
            return (
                "No empty shelf is known of the last year. Only stock levels tell of one: without them a day"
                " without a sale counts as one without demand."
            )
        value = (
            ""
            if self.lost_value is None
            else f", {self.lost_value:,.0f}{f' {currency}' if currency else ''} at selling prices"
        )
        share = percent(self.lost_qty / (self.lost_qty + self.sold_qty)) if self.lost_qty else "none"
        rest = f" Of {self.unknown:,} the loss is not known." if self.unknown else ""
        return (
            f"{self.periods:,} times in the last year a shelf was found empty. An estimated"
            f" {self.lost_qty:,.0f} units were wanted and not there ({share} of demand){value}.{rest}"
        )


def empty_shelves(place: Place, client_id: str, last_day: date | None) -> EmptyShelves:
    """The year up to a client's last day of demand; None where it has no demand yet."""
    frame = read_frame(
        place,
        render(
            """
            select
                count(*) as periods,
                count(*) filter (where lost_sales_qty is null) as unknown,
                coalesce(sum(lost_sales_qty order by lost_sales_qty), 0) as lost_qty,
                sum(lost_sales_value order by lost_sales_value) as lost_value,
                (
                    select coalesce(sum(demand_365d_qty), 0)::float8 from analytics.demand_summary
                    where client_id = {c}
                ) as sold_qty
            from analytics.lost_sales
            where client_id = {c} and coalesce(date > {since}::date, true)
            """,
            c=client_id,
            since=last_day and last_day - timedelta(days=DAYS),
        ),
    )
    return EmptyShelves(**frame.row(0, named=True))
