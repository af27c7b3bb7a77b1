"""The command ``forecaster backtest``: models judged at past origins, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.commands.terminal import (
    ClientOption,
    open_warehouse,
    out,
    run_clients,
    show_where_to_look,
)
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from forecasting_lib.benchmark.figures import Interval
    from orchestration.reporting.backtest_intervals import Beside


def backtest(
    client: ClientOption,
    origins: Annotated[
        int | None,
        typer.Option(min=1, help="Past days to look from; without it 6, or as many as the history allows."),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(min=1, help="Periods between them; without it 28 days, 4 weeks or 2 months."),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Periods to judge; without it the client's horizon.")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model to judge; repeatable. Without it those of the policy."),
    ] = None,
    judge_covariates: Annotated[
        bool,
        typer.Option(
            "--judge-covariates", help="Judge each covariate anew; else verdicts stand for eight weeks."
        ),
    ] = False,
) -> None:
    """Judge the models at past days, choose who leads for each item, and calibrate; forecasts rest on it."""
    settings, warehouse = open_warehouse()
    chosen = {
        name: value
        for name, value in (
            ("origins", origins),
            ("stride", stride),
            ("horizon", horizon),
            ("models", models or None),
            ("judge_covariates", judge_covariates or None),
        )
        if value is not None
    }
    [outcome] = run_clients(settings, warehouse, [client], "backtest", chosen=chosen)
    if not outcome.succeeded:
        show_where_to_look(settings)
        raise typer.Exit(1)
    from orchestration.reporting.backtest_intervals import champion_beside
    from orchestration.reporting.backtest_questions import model_comparison
    from orchestration.reporting.covariate_questions import covariate_worth, worth_line

    found = model_comparison(warehouse, client)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("model", "leads", "WQL", "scaled loss", "WAPE", "bias", "80 %", "90 %"):
        table.add_column(title, justify="left" if title == "model" else "right")
    for row in found.models:
        table.add_row(
            escape(row.model),
            "-" if row.leads_for is None else f"{row.leads_for:,}",
            *(_number(value) for value in (row.wql, row.scaled_loss, row.wape)),
            _percent(row.bias, signed=True),
            _percent(row.coverage_80),
            _percent(row.coverage_90),
        )
    out.print(table)
    out.print(escape(found.sentence), soft_wrap=True)
    beside = champion_beside(warehouse, client)
    if beside:
        out.print(_beside_table(beside))
    worth = covariate_worth(warehouse, client)
    out.print(escape(worth.sentence), soft_wrap=True)
    for covariate in worth.covariates:
        said = f"  {covariate.model}, {covariate.covariate}: {worth_line(covariate)}"
        out.print(escape(said), soft_wrap=True)


def _beside_table(beside: Sequence[Beside]) -> Table:
    """The chosen models over each single one, below 1 where choosing was better, and the bias of each."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("champion over", "WQL (95 %)", "scaled loss (95 %)", "its own bias (95 %)"):
        table.add_column(title, justify="left" if title == "champion over" else "right")
    for row in beside:
        ratios = (_interval(row.wql_ratio), _interval(row.scaled_ratio))
        table.add_row(escape(row.model), *ratios, _bias(row.bias))
    return table


def _interval(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})"


def _bias(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:+.1%} ({found.low:+.1%} to {found.high:+.1%})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _percent(value: float | None, *, signed: bool = False) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %" if signed else f"{100 * value:.1f} %"
