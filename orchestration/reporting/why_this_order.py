"""Why a line of the plan is what it is, as plain sentences: from its quantity back to the files delivered.

Belongs here: the question, and its answer in words. Does not belong here: which parts there are
(``why_this_order`` of the dbt project), how the figures follow from each other (``order_arithmetic``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from orchestration.errors import UserError
from orchestration.foreign_text import some_of
from orchestration.reporting.numbers import percent, plain
from orchestration.reporting.series_questions import Series
from orchestration.warehouse.asking import Place, asking

Document = Mapping[str, Any]

MOST_FILES = 3
"""Files named of one kind; ``analytics.why_this_order`` has all of them."""


class NotPlannedError(UserError):
    """The latest plan does not know the series."""


def lines_of(place: Place, series: Series) -> list[Document]:
    """The lines of the latest plan about a series, with everything they rest on; none where nothing is due.

    Raises:
        NotPlannedError: the plan leaves the series out, or there is none.
    """
    with asking(place) as connection, connection.cursor(row_factory=dict_row) as cursor:
        names = (series.client_id, series.item_id, series.location_id)
        lines = cursor.execute(
            """
            select * from analytics.why_this_order
            where client_id = %s and item_id = %s and location_id = %s and is_latest
            order by line_no
            """,
            names,
        ).fetchall()
        if lines:
            return list(lines)
        planned = cursor.execute(
            """
            select from analytics.current_inventory_runs
            inner join analytics.inventory_metrics using (client_id, run_id)
            where client_id = %s and item_id = %s and location_id = %s
            """,
            names,
        ).fetchone()
    if planned is None:
        raise NotPlannedError(
            f"The latest plan of {series.client_id} has no item {series.item_id} at {series.location_id}; "
            "'forecaster status' shows which clients have a plan."
        )
    return []


def explanation(lines: Sequence[Document]) -> Iterator[tuple[str, str]]:
    """What the lines of a series rest on, as (part, sentence), the lines first; what is not known says why.

    Args:
        lines: rows of ``analytics.why_this_order`` of one plan and series, at least one.
    """
    for line in lines:
        yield f"line {line['line_no']}", _asked(line)
        for decision in line["decisions"]:
            yield "decision", _decision(decision)
    first = lines[0]
    figures, unknown = first["figures"], dict(first["unknown"])
    yield "quantity", _quantity(figures)
    yield "demand", _expected(figures)
    if figures["flags"]:
        yield "flags", ", ".join(figures["flags"])
    yield "plan", _run("Inventory run", first["inventory_run"])
    for part, sentences in (
        ("forecast", _forecast),
        ("backtest", _backtest),
        ("calibration", _calibration),
        ("demand_build", _build),
        ("files", _files),
    ):
        name = part.replace("_", " ")
        if first[part] is None:
            yield name, unknown.pop(part, "Not known.")
            continue
        for sentence in sentences(first[part]):
            yield name, sentence
    for sentence in unknown.values():
        yield "not known", sentence


def _asked(line: Document) -> str:
    figures = line["figures"]
    quantity = "an unknown quantity" if line["order_qty"] is None else f"{plain(line['order_qty'])} units"
    arrival = f", to arrive on {line['receipt_date']}" if line["receipt_date"] else ""
    need = ""
    if figures["net_need_qty"] is not None:
        added = plain(figures["rounding_qty"] or 0)
        need = f" The need is {plain(figures['net_need_qty'])}, to which minimum and multiple add {added}."
    what = f"{line['action'].capitalize()} {quantity} on {line['order_date']}{arrival}."
    return f"{what}{need} {line['reason'].rstrip('.')}."


def _known(value: float | None) -> str:
    return "unknown" if value is None else plain(value)


def _quantity(figures: Document) -> str:
    return (
        f"The position is {_known(figures['inventory_position_qty'])} ({_known(figures['on_hand_qty'])} on "
        f"hand, {_known(figures['on_order_qty'])} on order); the reorder point is "
        f"{_known(figures['reorder_point_qty'])}, safety stock of {_known(figures['safety_stock_qty'])} "
        f"included; an order lifts the position to {_known(figures['order_up_to_qty'])}."
    )


def _expected(figures: Document) -> str:
    return (
        f"Over {_known(figures.get('protection_days'))} days to cover, {_known(figures['ltd_mean_qty'])} "
        f"units are expected with a standard deviation of {_known(figures['ltd_sd_qty'])}; the service "
        f"target is {percent(figures['service_target'])}."
    )


def _run(what: str, run: Document) -> str:
    return (
        f"{what} {run['run_id']} as of {run['as_of_date']}, published {_moment(run['published_at'])} by "
        f"version {run['code_version']}, Dagster run {run['dagster_run_id']}, inputs "
        f"{_short(run['input_digest'])} up to delivery {run['input_watermark']}."
    )


def _forecast(forecast: Document) -> Iterator[str]:
    yield f"Made by {forecast['made_by']}. {forecast['choice']}"
    if forecast["reason"]:
        yield f"It is {forecast['status']}, with the note {forecast['reason']}."
    for model in forecast["models"] or ():
        share = f", {percent(model['share'])} of it" if model["share"] is not None else ""
        digest = model["weights_digest"]
        weights = f"weights {_short(digest)} ({model['weights_source']})" if digest else "without weights"
        yield f"Model {model['model']}{share}: {model['model_id']}, {weights}."
    yield _run("Forecast run", forecast)


def _backtest(backtest: Document) -> Iterator[str]:
    score = "" if backtest["score"] is None else f", loss {backtest['score']:.3f} over all models' mean"
    yield (
        f"{backtest['leader']} leads ({backtest['reason']}{score}), by {backtest['n_origins']} origins of "
        f"its own. Backtest {backtest['run_id']}."
    )


def _calibration(buckets: Sequence[Document]) -> Iterator[str]:
    factors = ", ".join(f"{bucket['factor']:.3f} ({bucket['lag_bucket']})" for bucket in buckets)
    yield (
        f"Means of {buckets[0]['model']} for {buckets[0]['demand_class']} demand are multiplied, by periods "
        f"ahead: {factors}."
    )


def _build(build: Document) -> Iterator[str]:
    days = f"the days after {build['built_after']}" if build["built_after"] else "all days"
    yield (
        f"Built {_moment(build['ended_at'])}, {days}, by version {build['code_version']}, Dagster run "
        f"{build['dagster_run_id']}, dbt {build['dbt_invocation_id'] or 'unknown'}."
    )


def _files(files: Document) -> Iterator[str]:
    sales = [
        f"{_file(file)}, {file['rows']} rows, {plain(file['units'])} units"
        for file in reversed(files["sales"])
    ]
    since = f"Sales since {files['sales_from']}"
    yield f"{since}: {some_of(sales, MOST_FILES)}." if sales else f"{since}: none."
    for name in ("stock", "item", "supplier"):
        if files[name]:
            yield f"{name.capitalize()}: {_file(files[name])}."
    if files["lead_time"]:
        yield f"Lead time: {some_of([_file(file) for file in files['lead_time']], MOST_FILES)}."
    if orders := [_under_way(order) for order in files["open_orders"]]:
        yield f"Under way: {some_of(orders, MOST_FILES)}."


def _under_way(order: Document) -> str:
    number, expected = order["po_id"] or "an approved order", order["expected_date"] or "on no known day"
    source = f", {_file(order['file'])}" if order["file"] else ""
    return f"{plain(order['open_qty'])} units of {number}, expected {expected}{source}"


def _file(file: Document) -> str:
    return f"{file.get('path', 'a file')} (delivery {file['file_id']}, sha256 {_short(file.get('sha256'))})"


def _decision(decision: Document) -> str:
    ordered = f" {plain(decision['order_qty'])} units" if decision["order_qty"] is not None else ""
    reason = f": {decision['reason']}" if decision["reason"] else ""
    ending = f" It was {decision['ending']}." if decision["ending"] else ""
    when = _moment(decision["decided_at"])
    return f"{decision['decision']}{ordered} by {decision['decided_by']}, {when}{reason}.{ending}"


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")


def _short(digest: str | None) -> str:
    return "unknown" if not digest else digest[:12]
