"""The model card of trained weights, written from their metrics so that no figure is typed by hand.

Belongs here: the text, the goals a release is judged by. Does not belong here: measuring (``benchmark``,
``synthetic``), files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forecasting_lib.benchmark.figures import Bar, Interval
from forecasting_lib.pretraining.architecture import PATCH_DAYS

RAW, WHOLE = "Chronos-2", "Chronos-2, whole units"
"""The model's two rows in an evaluation: as it answers, and with its quantiles in whole units."""

TOLD = "Chronos-2, told of SNAP and events"
"""The second with two flags of the calendar, those of the days ahead included."""

FLAGS = Bar("WQL with SNAP and events / without", "wql", (WHOLE,))
"""What the flags are worth: below 1 the model knows more with them."""

PROMOTIONS = "WQL on promotion days, known promotions given / not given"
WHOLE_UNITS = "WQL of counts, quantiles in whole units / as answered"
"""The ratios on held-out synthetic demand."""

GOALS: Mapping[str, Mapping[str, float]] = {
    "m5_ca1_3049x447": {
        "WQL / HistQ56": 0.935,
        "WQL / better of AutoETS and Theta": 0.94,
        "WAPE / MA7": 0.89,
        "MASE / seasonal naive": 0.755,
        "RMSSE of the mean / MA28": 0.975,
        "absolute bias of the mean": 0.02,
        "error of the 28-day total / MA28": 0.87,
    },
    "m5_280x1941": {
        "WQL / HistQ56": 0.90,
        "WQL / better of AutoETS and Theta": 0.965,
        "WAPE / MA7": 0.915,
        "MASE / seasonal naive": 0.78,
        "RMSSE of the mean / MA28": 0.96,
        "absolute bias of the mean": 0.02,
        "error of the 28-day total / MA28": 0.87,
    },
}
"""Data set -> bar -> the highest ratio that meets it, judged on whole units: the store CA_1 of M5, and 28
items in ten stores."""


def with_evaluation(metrics: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of some weights with one more evaluation, in the place of an older one of the same data.

    Args:
        metrics: as training exports them (``metrics.json``).
        evaluation: as ``forecaster model evaluate --json`` writes it.

    Raises:
        ValueError: other weights were evaluated.
    """
    evaluated, own = evaluation["weights"]["digest"], metrics["weights_sha256"]
    if evaluated != own:
        raise ValueError(f"the evaluation is of weights {evaluated[:12]}, not of {own[:12]}: evaluate these")
    kept = {
        key: evaluation[key] for key in ("series", "horizon_days", "windows", "classes", "metrics", "bars")
    }
    known = metrics.get("evaluation", {})
    synthetic = {**metrics.get("synthetic", {}), **evaluation["synthetic"]}
    return {**metrics, "evaluation": {**known, evaluation["data"]: kept}, "synthetic": synthetic}


def model_card(name: str, metrics: Mapping[str, Any]) -> str:
    """The card in Markdown.

    Args:
        name: of the folder of the weights.
        metrics: as :func:`with_evaluation` gives them, evaluated or not.
    """
    training, config = metrics["training"], metrics["config"]
    scores, architecture = training["scores"], config["architecture"]
    evaluation = metrics.get("evaluation", {})
    millions = f"{metrics['parameters'] / 1e6:.2f} million"
    one_pass_days = PATCH_DAYS * architecture["max_output_patches"]
    processes = config["processes"]
    machine = f"{processes} process{'es' if processes > 1 else ''}, {config['device']}"
    return f"""---
license: apache-2.0
pipeline_tag: time-series-forecasting
---
# {name}

A Chronos-2 of {millions} parameters, trained from scratch on synthetic demand, so that an
installation without a network has a probabilistic forecast of the kind that `amazon/chronos-2` gives. It is
that architecture and format, and is loaded by the same `Chronos2Pipeline.from_pretrained`.

| | |
|---|---|
| parameters | {metrics["parameters"]:,} |
| file | `model.safetensors`, fp16; pass `dtype=torch.float32` |
| sha256 | `{metrics["weights_sha256"]}` |
| context, one pass | {architecture["context_days"]} days, {one_pass_days} days ahead |
| quantiles | 21 levels, 0.01 to 0.99 |
| covariates | past and known-ahead, up to four in training |
| trained on | {training["windows"]:,} windows of generated demand, each seen once; no genuine data |
| cost | {training["seconds"] / 60:.0f} minutes ({machine}) |
| recipe | `forecaster model train`; see `docs/model-training.md` |

## Figures

Chosen by held-out synthetic demand: WQL {scores["wql"]:.4f}, {scores["wql"] / scores["wql_history"]:.3f}
of the empirical quantiles of the last 56 days.

{_synthetic(metrics.get("synthetic", {}))}{_evaluations(evaluation)}
## Limits

{_verdict(evaluation)}* Daily demand only. It was not trained on hours, weeks or prices of shares.
* The large weights forecast better; see *Model weights* in `docs/operations.md`.

Everything measured is in `metrics.json`; this card is written from it by `forecaster model card`.
"""


def missed_goals(evaluation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(data set, bar) of every goal that the evaluation misses or did not measure."""
    return [
        (data, bar)
        for data, goals in GOALS.items()
        if data in evaluation
        for bar, goal in goals.items()
        if bar not in evaluation[data]["bars"] or evaluation[data]["bars"][bar][WHOLE]["value"] > goal
    ]


def _synthetic(ratios: Mapping[str, Any]) -> str:
    rows = "".join(f"| {name} | {Interval(**ratio)} |\n" for name, ratio in ratios.items())
    return f"| synthetic, held out | |\n|---|---|\n{rows}\n" if rows else ""


def _evaluations(evaluation: Mapping[str, Any]) -> str:
    if not evaluation:
        return ""
    missed = missed_goals(evaluation)
    introduction = """Genuine data trained nothing and chose no weights; these were computed once, after
training, by `forecaster model evaluate`: the last windows of four weeks are forecast one by one from what
lies before each, and every figure is of all windows together; in brackets 95 % paired bootstrap intervals
over series. No covariates are used, but where SNAP and events are named. Neither set is untouched, though:
where earlier weights were wrong on them was read for what synthetic demand might lack. *Raw* is the model's
output; *whole* has the quantiles of counts in whole units and is what the pipeline publishes. *Goal* is the
project's own, judged on *whole*.
"""
    parts = [
        part
        for data, found in evaluation.items()
        for part in (
            _pooled(data, found, missed),
            _by_part("known through", {day: ("", own) for day, own in found["windows"].items()}),
            _by_part(
                "class, histories",
                {
                    name: (f", {own['series_windows']:,}", own["bars"])
                    for name, own in found["classes"].items()
                },
            ),
        )
    ]
    return "\n".join([introduction, *parts])


def _pooled(data: str, found: Mapping[str, Any], missed: list[tuple[str, str]]) -> str:
    windows = len(found["windows"])
    rows = "".join(
        f"| {bar} | {_shown(row.get(RAW))} | {_shown(row.get(WHOLE))} | {_goal(data, bar, missed)} |\n"
        for bar, row in found["bars"].items()
    )
    return f"""| {data}, {found["series"]:,} series, {windows} windows | raw | whole | goal | |
|---|---|---|---|---|
{rows}"""


def _by_part(title: str, parts: Mapping[str, tuple[str, Mapping[str, Any]]]) -> str:
    """A table of *whole*, a row for each window or class."""
    names = list(next(iter(parts.values()))[1])
    rows = "".join(
        f"| {part}{count} | " + " | ".join(_shown(bars[name].get(WHOLE)) for name in names) + " |\n"
        for part, (count, bars) in parts.items()
    )
    head = f"| {title} | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|\n"
    return head + rows


def _shown(figure: Mapping[str, float] | None) -> str:
    return "-" if figure is None else str(Interval(**figure))


def _goal(data: str, bar: str, missed: list[tuple[str, str]]) -> str:
    goal = GOALS.get(data, {}).get(bar)
    if goal is None:
        return "- | -"
    return f"{goal:g} | {'missed' if (data, bar) in missed else 'met'}"


def _verdict(evaluation: Mapping[str, Any]) -> str:
    goals = sum(len(GOALS[data]) for data in evaluation if data in GOALS)
    if not goals:
        return ""
    missed = missed_goals(evaluation)
    return f"* It meets {goals - len(missed)} of the {goals} goals above.\n"
