"""``python -m tests.bench``: what each stage costs beside the least the same work can cost.

Belongs here: the commands and their tables. Every ratio is between two figures of the same run on the same
machine; the figures themselves say nothing about another one. Does not belong here: assertions; the ratios
are read by people.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from forecasting_lib.benchmark.m5_files import read_m5
from forecasting_lib.benchmark.outliers import PLACES, Effect, effect, sold_before, with_planted_days
from forecasting_lib.models.chronos2 import CPU_BATCH_ROWS, Chronos2
from forecasting_lib.models.registry import create_model
from forecasting_lib.origins import Origin
from forecasting_lib.pretraining.architecture import Architecture
from tests.bench import forecasting
from tests.bench.figures import grown, keep, kept_figures, usual_ratios
from tests.bench.forecasting import HORIZON

BUNDLED_WEIGHTS = Path(__file__).parents[2] / "data" / "models" / "chronos-2-small-demand"

out = Console(highlight=False, width=120)
err = Console(stderr=True, highlight=False)

_DATA = Annotated[
    Path | None, typer.Option("--data", help="Folder with M5's sales and calendar; else they are generated.")
]
_SERIES = Annotated[int, typer.Option("--series", min=1, help="M5 has 30490, one of its stores 3049.")]
_DAYS = Annotated[int, typer.Option("--days", min=120)]
_ROUNDS = Annotated[int, typer.Option("--rounds", min=1, help="The one with the middle ratio counts.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.callback()
def machine(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to add the figures to, by command.", dir_okay=False)
    ] = None,
) -> None:
    """Say where the figures come from."""
    kept_figures.file = json_file
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as orchestration does, which only 'stages' imports
    out.print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")


@app.command()
def forecast(
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Directory; without it random weights of the small size.")
    ] = None,
    series: Annotated[int, typer.Option("--series", min=8)] = 3_049,
    days: Annotated[int, typer.Option("--days", min=2, help="Days of every history.")] = 419,
    covariates: Annotated[int, typer.Option("--covariates", min=0, help="Flags known ahead.")] = 0,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="The best round counts.")] = 5,
) -> None:
    """The forecasting stage's model part beside the bare forward pass of the same tensors."""
    with tempfile.TemporaryDirectory() as folder:
        if weights is None:
            weights = Path(folder)
            forecasting.save_random(Architecture(), weights)
        _forecast(weights, series, days, covariates, rounds)


@app.command("large-model")
def large_model(
    series: Annotated[int, typer.Option("--series", min=8)] = 200,
    days: Annotated[int, typer.Option("--days", min=2, help="Days of every history.")] = 512,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="The best round counts.")] = 1,
) -> None:
    """The same with random weights of amazon/chronos-2's size."""
    with tempfile.TemporaryDirectory() as folder:
        parameters = forecasting.save_random(forecasting.AMAZON_CHRONOS_2, Path(folder))
        out.print(f"{parameters / 1e6:.1f} million parameters, random")
        _forecast(Path(folder), series, days, 0, rounds)


def _forecast(weights: Path, series: int, days: int, covariates: int, rounds: int) -> None:
    import torch

    out.print(
        f"{series} series of {days} days, {covariates} covariates, horizon {forecasting.HORIZON}, "
        f"{torch.get_num_threads()} threads, {CPU_BATCH_ROWS} rows a batch"
    )
    panel = forecasting.panel_of(series, days, covariates)
    with err.status("measuring") as status:
        found = forecasting.measure(
            weights, panel, rounds, lambda done: status.update(f"round {done} of {rounds}")
        )
    keep("forecast", found)
    table = Table("", "seconds", "series a second", "share of the floor", box=SIMPLE_HEAD)
    for name, seconds in (
        ("forward passes (floor)", found.floor_seconds),
        ("guards, batches, model, grid", found.stage_seconds),
    ):
        share = found.floor_seconds / seconds
        table.add_row(name, f"{seconds:.2f}", f"{found.series / seconds:,.0f}", f"{share:.1%}")
    out.print(table)
    out.print(
        f"Peak memory {found.peak_bytes / 2**30:.2f} GiB, of which "
        f"{(found.peak_bytes - found.before_bytes) / 2**30:.2f} GiB for the forecast itself"
    )


@app.command()
def workers(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Directory with a sales_train*.csv of M5's layout, else made up.", file_okay=False
        ),
    ] = None,
    weights: Annotated[
        Path, typer.Option("--weights", help="Directory; without it the bundled model.")
    ] = BUNDLED_WEIGHTS,
    count: Annotated[int, typer.Option("--workers", min=1)] = 2,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="Of this process, a worker has one; without it torch's."),
    ] = None,
    max_series: Annotated[int | None, typer.Option("--max-series", min=8)] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1)] = 3,
) -> None:
    """One client's forecast in one process and by Ray workers on this machine; needs the extra 'ray'."""
    import torch

    from tests.bench import workers as bench

    if threads is not None:
        torch.set_num_threads(threads)
    panel = (
        read_m5(data, max_series=max_series).panel if data else forecasting.panel_of(max_series or 3_049, 419)
    )
    out.print(f"{len(panel)} series, {count} workers of a thread, {torch.get_num_threads()} in one process")
    table = Table(
        *("seconds in one process", "by the workers", "times", "their start", "same to the bit", "lost"),
        box=SIMPLE_HEAD,
    )
    for one in bench.measure(Chronos2(weights, device="cpu"), panel, count, rounds):
        table.add_row(
            f"{one.alone_seconds:.1f}",
            f"{one.shared_seconds:.1f}",
            f"{one.alone_seconds / one.shared_seconds:.2f}",
            f"{one.start_seconds:.1f}",
            "yes" if one.is_same else "no",
            str(one.lost),
        )
    out.print(table)


@app.command()
def outliers(
    data: Annotated[
        Path,
        typer.Option("--data", help="Directory with a sales_train*.csv of M5's layout.", file_okay=False),
    ],
    weights: Annotated[
        Path, typer.Option("--weights", help="Directory; without it the bundled model.")
    ] = BUNDLED_WEIGHTS,
    max_series: Annotated[int | None, typer.Option("--max-series", min=1)] = None,
    windows: Annotated[int, typer.Option("--windows", min=1, help="Of four weeks each.")] = 4,
    skip: Annotated[int, typer.Option("--skip", min=0, help="Windows at the end to leave out.")] = 0,
) -> None:
    """The guard of the tail on genuine demand, and on the same with one day of every series struck.

    WQL and the error of the 28-day totals are with the guard over without it, and so better below 1; in
    brackets the central 95 % of a bootstrap over series. Window 1 is the last four weeks.
    """
    model = Chronos2(weights)
    plain: list[Effect] = []
    struck: dict[str, Effect] = {}
    for number in range(skip, skip + windows):
        window = read_m5(data, HORIZON, max_series, days_left_off=HORIZON * number)
        plain.append(effect(model, window))
        if number == skip:
            sold = sold_before(window)
            for seed, (name, place) in enumerate(PLACES.items()):
                planted = with_planted_days(sold.panel, place, seed)
                struck[name] = effect(model, Origin(planted, sold.actual))
        err.print(f"window {number - skip + 1} of {windows}")
    table = Table(box=SIMPLE_HEAD)
    for column in ("", "shrunk", "WQL", "error of totals", "bias", "without"):
        table.add_column(column, no_wrap=True)
    rows = {
        **{f"window {skip + i + 1}": found for i, found in enumerate(plain)},
        f"all {windows}": Effect.over(plain),
        **{f"struck: {name}": found for name, found in struck.items()},
    }
    for name, found in rows.items():
        ratios = (
            f"{r.value:.4f} ({r.low:.4f} to {r.high:.4f})" for r in (found.loss_ratio, found.error_ratio)
        )
        was, bias = (f"{value:+.2%}" for value in found.bias)
        table.add_row(name, f"{found.shrunk:,}", *ratios, bias, was)
    out.print(table)


@app.command("new-items")
def new_items(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Directory with M5's sales, else invented retailers.", file_okay=False),
    ] = None,
    weights: Annotated[
        Path, typer.Option("--weights", help="Directory; without it the bundled model.")
    ] = BUNDLED_WEIGHTS,
    seeds: Annotated[str, typer.Option("--seeds", help="Of the retailers, by comma.")] = "20",
    first: Annotated[int, typer.Option("--first", min=1, help="Of M5's origins, 1 is the latest.")] = 1,
    last: Annotated[int, typer.Option("--last", min=1)] = 7,
) -> None:
    """New items, with the profile of their category and without: their totals, days and bands."""
    from tests.bench import new_items as bench

    if data is None:
        cases = [case for seed in seeds.split(",") for case in bench.retailer_cases(int(seed))]
    else:
        cases = bench.m5_cases(data, first, last)
    days = ", ".join(str(day) for day in sorted({case.origin.date for case in cases}))
    out.print(f"{len(cases)} origins with new series: {days}")
    table = Table(
        *("", "series", "error of totals", "with", "change", "WQL", "with", "80 %", "with", "90 %", "with"),
        box=SIMPLE_HEAD,
    )
    for model in (Chronos2(weights, in_whole_units=True), create_model("hist_q"), create_model("ma7")):
        found = bench.worth_of(model, cases)
        keep(f"new-items {model.name}", [found[False], found[True]])
        was, now = found[False], found[True]
        table.add_row(
            model.name,
            f"{now.n_series:,}",
            *(f"{one.total_error:.4f}" for one in (was, now)),
            f"{now.total_error / was.total_error - 1.0:+.1%}",
            *(f"{one.wql:.4f}" for one in (was, now)),
            *(f"{one.inside_80:.1%}" for one in (was, now)),
            *(f"{one.inside_90:.1%}" for one in (was, now)),
        )
    out.print(table)


@app.command()
def shelves(
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", help="Of a demo retailer; several times for several.")
    ] = None,
    weights: Annotated[
        Path, typer.Option("--weights", help="Directory; without it the bundled model.")
    ] = BUNDLED_WEIGHTS,
    origins: Annotated[int, typer.Option("--origins", min=1, help="Windows of four weeks each.")] = 13,
    last_day: Annotated[
        str, typer.Option("--last-day", help="Of the history; another is another history.")
    ] = "2026-06-30",
) -> None:
    """Demand that met an empty shelf of the demo retailer, estimated and true, and the bias it leaves.

    The bias is of the 28-day totals of series whose shelf was empty within eight weeks before an origin,
    against what their customers wanted: with stocked-out days masked, and with their zeros as demand.
    """
    from forecasting_lib.demo import RetailerConfig
    from forecasting_lib.models.registry import REGISTRY
    from tests.bench import shelves as bench
    from tests.bench.installation import thrown_away

    models = {name: REGISTRY[name].factory(**REGISTRY[name].settings) for name in ("ma7", "hist_q")}
    lost = Table("seed", "", "units wanted", "estimated", "ratio", "unknown days", box=SIMPLE_HEAD)
    bias: dict[str, bench.Bias] = {}
    with err.status("starting PostgreSQL") as status, thrown_away(status.update) as installation:
        for seed in seeds or [20]:
            client_id, config = f"retailer_{seed}", RetailerConfig(date.fromisoformat(last_day), seed=seed)
            data = bench.delivered(installation, client_id, config)
            found = bench.judged(installation.warehouse, client_id, data)
            for shelf, units in found.wanted.items():
                estimate = found.estimated[shelf]
                lost.add_row(
                    str(seed), shelf, f"{units:,.0f}", f"{estimate:,.0f}", f"{estimate / units:.3f}", ""
                )
            both = sum(found.wanted.values()) + found.elsewhere, sum(found.estimated.values())
            lost.add_row(
                str(seed),
                "all",
                f"{both[0]:,.0f}",
                f"{both[1]:,.0f}",
                f"{found.ratio:.3f}",
                str(found.unknown),
            )
            for name, one in bench.biases(
                *(installation.warehouse, client_id, data),
                {**models, "chronos2": Chronos2(weights)},
                origins,
                status.update,
            ).items():
                bias[name] = bias[name] + one if name in bias else one
    out.print(lost)
    table = Table("", "masked", "zeros count", "masked, against what was served", box=SIMPLE_HEAD)
    for name, one in bias.items():
        of = ((one.forecast, one.wanted), (one.unmasked, one.wanted), (one.forecast, one.served))
        table.add_row(name, *(f"{expected / actual - 1:+.2%}" for expected, actual in of))
    out.print(table)


@app.command("odd-days")
def odd_days(
    data: Annotated[
        Path, typer.Option("--data", help="Directory with M5's sales and calendar.", file_okay=False)
    ],
    first: Annotated[int, typer.Option("--first", min=1, help="Number N of the first day d_N.")] = 1,
    last: Annotated[int | None, typer.Option("--last", min=1, help="Of the last; else all.")] = None,
) -> None:
    """How many days of genuine demand are outliers by the rule."""
    from tests.bench import odd_days as bench

    found = bench.measure(data, first, last)
    out.print(
        f"{found.judged:,} days judged, {found.high / found.judged:.3%} odd and high, "
        f"{found.low / found.judged:.3%} odd and low, {found.series:.0%} of the series have one."
    )


@app.command()
def check() -> None:
    """A minute of small sizes; fails where a stage takes twice what it usually does, beside its floor."""
    from tests.bench import demand, landing, scoring

    with err.status("starting PostgreSQL") as status:
        # floors of a day more are hundredths of a second
        first, _ = landing.measure_m5(None, 3_049, 120, 1, status.update)
        built, _ = demand.measure(None, 3_049, 120, 1, status.update)
        (scored,) = scoring.measure(3_049, [3], 3, status.update)
    ratios = {
        "landing of a first delivery": first.times,
        "demand of a first delivery": built.times,
        "scores of a landed day": scored.times,
    }
    keep("check", ratios)
    usual = usual_ratios()
    table = Table("", "times the floor", "usual", box=SIMPLE_HEAD)
    for what, ratio in ratios.items():
        table.add_row(what, f"{ratio:.1f}", f"{usual[what]:.1f}" if what in usual else "")
    out.print(table)
    if problems := grown(ratios, usual):
        err.print(f"[red]{'; '.join(problems)}.[/]")
        raise typer.Exit(1)


@app.command()
def stages(
    items: Annotated[int, typer.Option("--items", min=1, help="Items in each of two stores.")] = 500,
    days: Annotated[int, typer.Option("--days", min=120)] = 447,
) -> None:
    """Ingestion, demand build, forecast and scoring on a database of their own, each beside its floor."""
    from tests.bench import stages as database

    with err.status("starting PostgreSQL") as status:
        found = database.measure(items, days, status.update)
    keep("stages", found)
    table = Table("stage", "rows", "seconds", "floor", "seconds", "times the floor", box=SIMPLE_HEAD)
    for stage in found:
        table.add_row(
            stage.name,
            f"{stage.rows:,}",
            f"{stage.seconds:.2f}",
            stage.floor,
            f"{stage.floor_seconds:.2f}",
            f"{stage.seconds / stage.floor_seconds:.1f}",
        )
    out.print(table)


@app.command()
def landing(
    lines: Annotated[int, typer.Option("--lines", min=0, help="UCI's data set has 541,909.")] = 541_909,
    data: _DATA = None,
    series: _SERIES = 3_049,
    days: _DAYS = 437,
    rounds: _ROUNDS = 3,
) -> None:
    """Files into staging, beside reading them and one COPY of their rows into a table without an index."""
    from tests.bench import landing as bench

    with err.status("starting PostgreSQL") as status:
        found = bench.measure_m5(data, series, days, rounds, status.update)
        if lines:
            found += bench.measure_invoices(lines, rounds, status.update)
    keep("landing", found)
    table = Table(
        *("", "rows", "seconds", "floor", "processor, own and server", "floor", "times"), box=SIMPLE_HEAD
    )
    for one in found:
        table.add_row(
            one.what,
            f"{one.rows:,}",
            f"{one.load.wall:.2f}",
            f"{one.floor.wall:.2f}",
            f"{one.load.own:.2f} + {one.load.server:.2f}",
            f"{one.floor.own:.2f} + {one.floor.server:.2f}",
            f"{one.times:.1f}",
        )
    out.print(table)
    out.print("The bar of a first delivery is 1.6 times.")


@app.command()
def forecasts(
    data: _DATA = None,
    series: _SERIES = 3_049,
    days: _DAYS = 437,
    rounds: _ROUNDS = 3,
    models: Annotated[str, typer.Option("--models", help="The client's policy, by comma.")] = "chronos2",
) -> None:
    """The forecast stage beside reading the demand, bare forward passes and one COPY of its rows."""
    _planning("forecasts", models.split(","), data, series, days, rounds)
    out.print("The bar is 1.25 times.")


@app.command()
def inventory(
    data: _DATA = None,
    series: _SERIES = 3_049,
    days: _DAYS = 437,
    rounds: _ROUNDS = 3,
    alone: Annotated[
        bool, typer.Option("--alone", help="As inventory_only runs it, not behind a forecast.")
    ] = False,
) -> None:
    """The inventory stage beside reading the demand, the engine alone and one COPY of its rows."""
    stage = "inventory" if alone else "inventory-in-a-run"
    _planning(stage, ["ma7"], data, series, days, rounds)
    out.print("The bar is 2 times.")


def _planning(stage: str, models: list[str], data: Path | None, series: int, days: int, rounds: int) -> None:
    from tests.bench import planning as bench

    # not a live display: runs send what is printed to their log
    found = bench.measure(stage, models, data, series, days, rounds, err.print)
    keep(stage, found)
    middle, *_ = found.rounds
    out.print(f"{found.series:,} series, {found.rows:,} rows of demand, {stage} with {', '.join(models)}")
    table = Table("", *middle.floor, "processor seconds", "peak MiB", "MiB written", box=SIMPLE_HEAD)
    table.add_row(
        stage,
        *[""] * len(middle.floor),
        f"{middle.own:.2f} + {middle.server:.2f}",
        f"{middle.peak_bytes / 2**20:,.0f}, {middle.before_bytes / 2**20:,.0f} before it",
        f"{middle.written_bytes / 2**20:,.0f}",
    )
    parts = [f"{seconds:.2f}" for seconds in middle.floor.values()]
    table.add_row("floor", *parts, f"{sum(middle.floor.values()):.2f}", "", "")
    out.print(table)
    ratios = ", ".join(f"{one.times:.2f}" for one in found.rounds)
    out.print(f"{middle.times:.2f} times the floor; all rounds: {ratios}")


@app.command()
def demand(
    data: _DATA = None,
    series: _SERIES = 3_049,
    days: _DAYS = 437,
    rounds: _ROUNDS = 3,
) -> None:
    """Demand of a first delivery and of a day more, beside reading the same rows and writing them."""
    from tests.bench import demand as bench

    with err.status("starting PostgreSQL") as status:
        first, day = bench.measure(data, series, days, rounds, status.update)
    keep("demand", (first, day))
    table = Table(
        *("", "rows", "seconds", "processor, own and server", "floor", "times", "landing"), box=SIMPLE_HEAD
    )
    for one in (first, day):
        table.add_row(
            one.what,
            f"{one.rows:,}",
            f"{one.demand.wall:.2f}",
            f"{one.demand.own:.2f} + {one.demand.server:.2f}",
            f"{one.floor.processor:.2f}",
            f"{one.times:.1f}",
            f"{one.landing.processor:.2f}",
        )
    out.print(table)
    out.print("The bar of a first delivery is 2.5 times.")
    share = day.processor / first.processor
    out.print(
        f"Landing and demand of a day more take {share:.1%} of the first's; the bar is 5 %, with scores."
    )


@app.command()
def scoring(
    series: Annotated[int, typer.Option("--series", min=1, help="Of one store.")] = 3_049,
    runs: Annotated[str, typer.Option("--runs", help="Numbers of live runs, by comma.")] = "1,10,28",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="The median counts.")] = 3,
) -> None:
    """A landed day's scores at some live runs of three models, beside reading and writing as many rows."""
    from tests.bench import scoring as bench

    with err.status("starting PostgreSQL") as status:
        found = bench.measure(series, [int(number) for number in runs.split(",")], rounds, status.update)
    keep("scoring", found)
    table = Table(
        *("live runs", "rows", "seconds", "processor, own and server", "floor", "times"), box=SIMPLE_HEAD
    )
    for one in found:
        table.add_row(
            f"{one.live_runs}",
            f"{one.rows:,}",
            f"{one.scoring.wall:.2f}",
            f"{one.scoring.own:.2f} + {one.scoring.server:.2f}",
            f"{one.floor.processor:.2f}",
            f"{one.times:.1f}",
        )
    out.print(table)
    out.print("The bar is 2.5 times.")


@app.command()
def serving(
    items: Annotated[int, typer.Option("--items", min=1, max=693, help="In each of five stores.")] = 610,
    requests: Annotated[
        int, typer.Option("--requests", min=100, help="Of each kind and number of connections.")
    ] = 1_000,
) -> None:
    """Reads over HTTP at 1, 8 and 32 connections, beside their queries through the pool without it."""
    from tests.bench import serving as bench

    # not a live display: runs send what is printed to their log
    found = bench.measure(items, requests, lambda _: None)
    keep("serving", found.serving)
    out.print(f"{found.series:,} series, {requests:,} requests a row")
    table = Table(
        *("", "at once", "a second", "p95 ms", "without HTTP", "p95 ms", "share of it", "errors"),
        box=SIMPLE_HEAD,
    )
    for one in found.serving:
        table.add_row(
            one.what,
            f"{one.at_once}",
            f"{one.served.per_second:.0f}",
            f"{one.served.p95 * 1000:.1f}",
            f"{one.floor.per_second:.0f}",
            f"{one.floor.p95 * 1000:.1f}",
            f"{one.served.per_second / one.floor.per_second:.0%}",
            f"{one.errors}",
        )
    out.print(table)
    out.print(f"The API took at most {found.peak_bytes / 2**20:.0f} MiB.")


@app.command("small-clients")
def small_clients(
    clients: Annotated[int, typer.Option("--clients", min=2, help="Registered, each with a schedule.")] = 200,
    items: Annotated[int, typer.Option("--items", min=1, help="In each of two locations.")] = 25,
) -> None:
    """Processor time of commands, of loading the definitions and of a small client's run."""
    from tests.bench import small_clients as bench

    found = bench.measure(clients, items, err.print)
    keep("small-clients", found)
    table = Table("", "processor seconds", "of the server", box=SIMPLE_HEAD)
    for one in found:
        table.add_row(one.what, f"{one.cost.own:.2f}", f"{one.cost.server:.2f}")
    out.print(table)
    nothing_new, one_client, two_clients = (one.cost.processor for one in found[-3:])
    out.print(
        f"A new day takes {one_client - nothing_new:.1f} seconds more than nothing new. One more client in "
        f"the same command takes {two_clients - one_client:.1f}; a command of its own takes "
        f"{2 * one_client - two_clients:.1f} beyond that."
    )


@app.command()
def night(
    clients: Annotated[int, typer.Option("--clients", min=1, help="Registered, each with a schedule.")] = 20,
    items: Annotated[int, typer.Option("--items", min=1, help="In each of two locations.")] = 25,
) -> None:
    """Small clients whose schedules ask for a run in the same minute, worked off by their own service."""
    from tests.bench import nights as bench

    found = bench.measure(clients, items, err.print)
    keep("night", found)
    a_client = found.cost.processor / clients
    last = max(run.ended for run in found.runs)
    table = Table("", "", box=SIMPLE_HEAD)
    for what, value in (
        ("processor seconds a client, runs and service", f"{found.cost.service / clients:.2f}"),
        ("the same of PostgreSQL", f"{found.cost.server / clients:.2f}"),
        ("runs at once, at most", f"{found.at_once}"),
        ("longest wait for a run's begin, seconds", f"{max(run.began for run in found.runs):.0f}"),
        ("end of the last run, seconds", f"{last:.0f}"),
        ("failed", f"{sum(not run.has_succeeded for run in found.runs)}"),
        ("a first run, which loads the history", f"{found.first_loads.processor / clients:.2f}"),
        ("a minute with nothing to do", f"{found.idle_a_minute:.2f}"),
    ):
        table.add_row(what, value)
    out.print(table)
    out.print(
        f"200 clients at that rate take {200 * a_client:,.0f} processor seconds; the last run would end "
        f"after {200 * last / clients / 60:.0f} minutes on this machine as it was."
    )


@app.command()
def retention(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="As for the others; without it M5's store of FORECASTER_SHARED_DATA."),
    ] = None,
    series: _SERIES = 3_049,
    days: _DAYS = 437,
) -> None:
    """The disk that a year of daily runs of a store takes by the default policies, computed from a night."""
    from tests.bench import retention as bench

    if data is None and (shared := os.environ.get("FORECASTER_SHARED_DATA")):
        data = Path(shared) / "m5_ca1_3049x447"
    # not a live display: runs send what is printed to their log
    found = bench.measure(data, series, days, err.print)
    keep("retention", found)
    table = Table(
        *("table", "bytes a row", "rows a night", "nights", "rows after a year", "GB", "GB unthinned"),
        box=SIMPLE_HEAD,
    )
    for one in found:
        if one.unthinned_gigabytes < 0.05:
            continue
        table.add_row(
            one.table,
            f"{one.bytes_a_row:,.0f}",
            f"{one.rows_a_night:,.0f}",
            f"{one.rule.nights:,.0f}",
            f"{one.rows:,.0f}",
            f"{one.gigabytes:.2f}",
            f"{one.unthinned_gigabytes:.2f}",
        )
    out.print(table)
    out.print(
        "One night was run and measured; the year is computed: the nights that the default policies leave, "
        f"the record behind {bench.DECIDED_A_DAY} decided lines a day, dead rows until they are vacuumed, "
        "and small tables that are not shown."
    )
    out.print(
        f"{sum(one.gigabytes for one in found):.1f} GB after a year with the history before it, unthinned "
        f"{sum(one.unthinned_gigabytes for one in found):.1f} GB; the bar is 20 GB."
    )


@app.command()
def neighbours(
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="Of runs, in alternating order.")] = 3,
    items: Annotated[
        int, typer.Option("--items", min=1, help="Items of each client's three locations.")
    ] = 60,
    by_url: Annotated[
        bool, typer.Option("--by-url", help="On a server of DATABASE_URL, whose sessions have one priority.")
    ] = False,
) -> None:
    """A client's pipeline while another client does its worst, beside the same while it asks for little."""
    from tests.bench import neighbours as bench

    # not a live display: runs send what is printed to their log
    found = bench.measure(pairs, items, lambda _: None, by_url=by_url)
    keep("neighbours", found)
    table = Table(
        "pair", "seconds beside an honest client", "beside one at its worst", "times", box=SIMPLE_HEAD
    )
    for number, pair in enumerate(found, start=1):
        table.add_row(
            str(number), f"{pair.beside_honest:.1f}", f"{pair.beside_worst:.1f}", f"{pair.ratio:.2f}"
        )
    out.print(table)
    out.print(f"Median: {statistics.median(pair.ratio for pair in found):.2f} times; the bar is 1.5.")


if __name__ == "__main__":
    app()
