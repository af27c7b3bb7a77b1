"""The commands for the model itself: ``forecaster model`` evaluate, train, card and finetune.

Its benchmarks are in modules of their own.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from orchestration.commands.benchmark_m5 import benchmark_m5
from orchestration.commands.benchmark_replay import benchmark_replay
from orchestration.commands.benchmark_service import benchmark_service
from orchestration.commands.benchmark_vn2 import benchmark_vn2
from orchestration.commands.terminal import ClientOption, counting, err, open_warehouse, out, waiting
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from forecasting_lib.benchmark.figures import Interval
    from forecasting_lib.models.weights import ResolvedWeights

app = typer.Typer(no_args_is_help=True, help="The Chronos-2 model: its accuracy, its training, its tuning.")

TABLE_WIDTH = 120
"""Of the figures, on a narrow terminal and in a pipe, too."""

app.command("benchmark-m5", epilog="Example: forecaster model benchmark-m5 --data m5/ --skip auto_ets")(
    benchmark_m5
)
app.command("benchmark-service", epilog="Example: forecaster model benchmark-service --data m5/ --origins 8")(
    benchmark_service
)
app.command(
    "benchmark-replay", epilog="Example: forecaster model benchmark-replay --data m5/ --max-series 300"
)(benchmark_replay)
app.command("benchmark-vn2", epilog="Example: forecaster model benchmark-vn2 --data vn2/ --windows 10")(
    benchmark_vn2
)


@app.command(epilog="Example: forecaster model evaluate --data m5/ --json figures.json")
def evaluate(
    data: Annotated[
        Path,
        typer.Option("--data", help="Directory with a sales_train*.csv of M5's layout.", file_okay=False),
    ],
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="Directory or hub id; without it those the pipeline would use."),
    ] = None,
    max_series: Annotated[
        int | None, typer.Option("--max-series", min=1, help="Series to take, evenly spaced over the file.")
    ] = None,
    horizon: Annotated[int, typer.Option("--horizon", min=1, help="Days at the end to hold out.")] = 28,
    skip_statsforecast: Annotated[
        bool, typer.Option("--skip-statsforecast", help="Leave out AutoETS and Theta, the slowest baselines.")
    ] = False,
    skip_synthetic: Annotated[
        bool, typer.Option("--skip-synthetic", help="Leave out the two ratios on held-out synthetic demand.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """Judge weights against seven baselines on the last days of M5-format files.

    Histories begin with the first sale; the last days are held out. Point forecasts (medians where there are
    quantiles) answer for WAPE and MASE, means for RMSE, bias and totals. Intervals are the central 95 % of a
    bootstrap over series in which model and baseline see the same series. No covariates are used.
    """
    from forecasting_lib.benchmark.baselines import Answer, classic_baselines, simple_baselines
    from forecasting_lib.benchmark.card import RAW, WHOLE
    from forecasting_lib.benchmark.figures import figures, judge, score_series
    from forecasting_lib.benchmark.m5_files import read_m5
    from forecasting_lib.models.chronos2 import Chronos2
    from forecasting_lib.models.counts import counts_in_whole_units
    from forecasting_lib.models.guards import guarded_predict

    try:
        held_out = read_m5(data, horizon, max_series)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
    resolved = _weights(weights)
    panel = held_out.panel
    out.print(
        f"{len(panel)} series, the last {horizon} days held out. Weights: {escape(resolved.model_id)}, "
        f"sha256 {resolved.digest[:12]}.",
        soft_wrap=True,
    )

    answers = simple_baselines(panel, horizon)
    if not skip_statsforecast:
        with waiting(f"AutoETS and Theta on {len(panel)} series: about {len(panel) / 15 / 60:.0f} minutes"):
            try:
                answers |= classic_baselines(panel, horizon)
            except ModuleNotFoundError as error:
                raise typer.BadParameter(str(error), param_hint="--skip-statsforecast") from error
    with counting("Chronos-2", len(panel)) as show:
        model = Chronos2(resolved.path, progress=lambda done, _total: show(done), in_whole_units=False)
        answered = guarded_predict(model, panel, horizon)
    answers[RAW] = Answer.of(answered)
    answers[WHOLE] = Answer.of(counts_in_whole_units(answered, panel))

    scores = {name: score_series(held_out, answer) for name, answer in answers.items()}
    table, bars = figures(scores), judge(scores, (RAW, WHOLE))
    wide = Console(highlight=False, emoji=False, width=max(out.width, TABLE_WIDTH))
    wide.print(_metrics_table(table))
    wide.print(_bars_table(bars))
    synthetic = {} if skip_synthetic else _synthetic(resolved)
    if json_file is not None:
        found = {
            "data": data.name,
            "series": len(panel),
            "horizon_days": horizon,
            "weights": {"model_id": resolved.model_id, "digest": resolved.digest},
            "metrics": {m: {k: asdict(v) for k, v in row.items()} for m, row in table.items()},
            "bars": {bar: {m: asdict(v) for m, v in row.items()} for bar, row in bars.items()},
            "synthetic": {name: asdict(ratio) for name, ratio in synthetic.items()},
        }
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        err.print(f"All figures with their intervals: {escape(str(json_file))}")


def _weights(wanted: str | None) -> ResolvedWeights:
    """The weights asked for, or those the pipeline would use."""
    from forecasting_lib.models.weights import WeightsUnavailable, resolve_weights
    from orchestration.reading.tuned_weights import base_weights
    from orchestration.settings import load_settings

    settings = load_settings()
    try:
        if wanted is None:
            return base_weights(settings)
        return resolve_weights(wanted, offline=settings.hub_offline, explicit_from="--weights")
    except WeightsUnavailable as error:
        raise typer.BadParameter(str(error)) from error


def _synthetic(resolved: ResolvedWeights) -> dict[str, Interval]:
    """The ratios of losses on held-out synthetic demand, by name, and print them."""
    from forecasting_lib.benchmark.card import PROMOTIONS, WHOLE_UNITS
    from forecasting_lib.benchmark.synthetic import promotion_ratio, whole_units_ratio
    from forecasting_lib.models.chronos2 import load_pipeline

    with waiting("Synthetic demand"):
        model = load_pipeline(resolved.path).model
        ratios = {PROMOTIONS: promotion_ratio(model), WHOLE_UNITS: whole_units_ratio(model)}
    for name, ratio in ratios.items():
        out.print(f"{name} (synthetic, held out): {ratio}", soft_wrap=True)
    return ratios


def _metrics_table(table: Mapping[str, Mapping[str, Interval]]) -> Table:
    from forecasting_lib.benchmark.figures import METRICS

    shown = Table("model", box=SIMPLE_HEAD)
    for metric in METRICS:
        shown.add_column(metric, justify="right")
    for model, row in table.items():
        shown.add_row(model, *(f"{row[m].value:.4f}" if m in row else "-" for m in METRICS))
    return shown


def _bars_table(bars: Mapping[str, Mapping[str, Interval]]) -> Table:
    from forecasting_lib.benchmark.card import RAW, WHOLE

    shown = Table("ratio", box=SIMPLE_HEAD)
    for model in (RAW, WHOLE):
        shown.add_column(f"{model} (95 %)", justify="right")
    for bar, row in bars.items():
        shown.add_row(bar, *(str(row[model]) for model in (RAW, WHOLE)))
    return shown


@app.command(epilog="Example: forecaster model train runs/small --max-minutes 90")
def train(
    directory: Annotated[Path, typer.Argument(help="Where the checkpoint, progress.jsonl and best/ go.")],
    max_minutes: Annotated[
        float | None, typer.Option("--max-minutes", help="Time to spend, over all resumptions.")
    ] = None,
    max_windows: Annotated[
        int | None, typer.Option("--max-windows", help="Training windows to see; repeatable to the bit.")
    ] = None,
    peak_learning_rate: Annotated[
        float, typer.Option("--peak-learning-rate", help="Peak of the cosine.")
    ] = 3e-3,
    validations: Annotated[
        int, typer.Option("--validations", help="How often to validate, save and export.")
    ] = 24,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that train together; one a core.")
    ] = 1,
    threads: Annotated[int, typer.Option("--threads", help="CPU threads of a process.")] = 1,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the weights and of the demand.")] = 7,
) -> None:
    """Train a small Chronos-2 from scratch on synthetic demand.

    Give --max-minutes or --max-windows. Run the same command again to resume. SIGTERM or Ctrl-C ends the run
    after the current step with a validation and a checkpoint; resuming with a smaller --max-minutes then
    lets the learning rate fall to its floor, which is worth more than it costs. The best weights by held-out
    synthetic demand are always in DIRECTORY/best; name that directory in CHRONOS_MODEL_ID to forecast with
    them.
    """
    from forecasting_lib.pretraining.train import Progress as Line
    from forecasting_lib.pretraining.train import TrainingConfig
    from forecasting_lib.pretraining.train import train as train_weights

    try:
        config = TrainingConfig(
            max_windows=max_windows,
            max_minutes=max_minutes,
            seed=seed,
            peak_learning_rate=peak_learning_rate,
            validations=validations,
            processes=processes,
            threads=threads,
            device=device,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-minutes") from error
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))

    def show(line: Line) -> None:
        out.print(
            f"{line.share:6.1%}  {line.seconds / 60:6.1f} min  step {line.step:6d}  "
            f"windows {line.windows:9,d}  loss {line.loss:.4f}  lr {line.learning_rate:.2e}  "
            f"WQL {line.scores.wql:.4f} ({line.scores.wql / line.scores.wql_history:.3f} of HistQ56)  "
            f"promotions {line.scores.promotion_ratio:.3f}  generator {line.generator_share:.1%}"
            f"{'  best' if line.is_best else ''}",
            soft_wrap=True,
        )
        status.update(f"Training, {line.share:.0%} of the budget spent")

    with err.status("Training; the first line follows the first validation") as status:
        best = train_weights(config, directory, show, lambda: bool(stopping))
    out.print(f"best weights: {escape(str(best))}")


@app.command(epilog="Example: forecaster model card runs/small/best figures.json")
def card(
    directory: Annotated[
        Path, typer.Argument(help="Weights with their metrics.json.", exists=True, file_okay=False)
    ],
    evaluations: Annotated[
        list[Path] | None,
        typer.Argument(help="Figures of 'forecaster model evaluate --json'.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Write the model card of trained weights, README.md beside them, from what was measured.

    The evaluations named go into metrics.json first; those already in it stay.
    """
    from forecasting_lib.benchmark.card import model_card, with_evaluation
    from forecasting_lib.pretraining.export import METRICS_FILE

    try:
        metrics = json.loads((directory / METRICS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise typer.BadParameter(
            f"{directory} has no {METRICS_FILE}: name the best/ folder of a training", param_hint="DIRECTORY"
        ) from error
    for path in evaluations or ():
        try:
            metrics = with_evaluation(metrics, json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise typer.BadParameter(f"{path}: {error}", param_hint="EVALUATIONS") from error
    (directory / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    (directory / "README.md").write_text(model_card(directory.resolve().name, metrics), encoding="utf-8")
    out.print(f"Wrote {escape(str(directory / 'README.md'))}")


@app.command(epilog="Example: forecaster model finetune --client acme --method lora --steps 200")
def finetune(
    client: ClientOption,
    method: Annotated[
        Literal["lora", "full"], typer.Option("--method", help="Low-rank additions, or every weight.")
    ] = "lora",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Optimiser steps.")] = 200,
    cut: Annotated[
        datetime | None,
        typer.Option("--cut", formats=["%Y-%m-%d"], help="Last day that training sees; a later day judges."),
    ] = None,
) -> None:
    """Tune Chronos-2 on a client's history; it is used if it beats the base on the days after the cut.

    Without --cut the last days of demand, as many as the client's horizon, are kept for the comparison. The
    weights stay in the installation's folder and serve this client alone.
    """
    settings, warehouse = open_warehouse()
    with waiting("Loading torch and chronos"):
        from forecasting_lib.finetuning import FinetuneConfig, FinetuneError
        from forecasting_lib.models.weights import WeightsUnavailable
        from orchestration.clients import get_client
        from orchestration.stages.finetuning import tune_client

        found = get_client(warehouse, client)
    with counting(f"Tuning for {client}", steps) as show:
        try:
            record = tune_client(
                warehouse,
                settings,
                found,
                FinetuneConfig(method=method, steps=steps),
                cut=None if cut is None else cut.date(),
                progress=show,
            )
        except (FinetuneError, WeightsUnavailable) as error:
            raise typer.BadParameter(str(error)) from error
    out.print(escape(record.verdict), soft_wrap=True)
    if record.accepted:
        err.print(f"Next: forecaster run --client {client} --job forecast_only")
