"""``python -m forecasting_lib.pretraining``: train the bundled model from the command line.

Belongs here: options, signals and what is printed. Does not belong here: anything that trains.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from forecasting_lib.pretraining.train import Progress, TrainingConfig, train


def main(
    directory: Annotated[Path, typer.Argument(help="Where the checkpoint, progress.jsonl and best/ go.")],
    *,
    max_minutes: Annotated[float | None, typer.Option(help="Time to spend, over all resumptions.")] = None,
    max_windows: Annotated[int | None, typer.Option(help="Training windows to see.")] = None,
    peak_learning_rate: Annotated[float, typer.Option(help="Peak of the cosine.")] = 3e-3,
    validations: Annotated[int, typer.Option(help="How often to validate, save and export.")] = 24,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of the weights and of the demand.")] = 7,
) -> None:
    """Train a small Chronos-2 from scratch on synthetic demand.

    Give --max-minutes or --max-windows. Run the same command again to resume. SIGTERM or Ctrl-C ends
    the run after the current step with a validation and a checkpoint; resuming with a smaller
    --max-minutes then lets the learning rate fall to its floor, which is worth more than it costs. The
    best weights by held-out synthetic demand are always in DIRECTORY/best, ready for
    Chronos2Pipeline.from_pretrained(..., dtype=torch.float32).

    Example: python -m forecasting_lib.pretraining /tmp/run --max-minutes 90
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    config = TrainingConfig(
        max_windows=max_windows,
        max_minutes=max_minutes,
        seed=seed,
        peak_learning_rate=peak_learning_rate,
        validations=validations,
        threads=threads,
        device=device,
    )

    def show(line: Progress) -> None:
        typer.echo(
            f"{line.share:6.1%}  {line.seconds / 60:6.1f} min  step {line.step:6d}  "
            f"windows {line.windows:9,d}  loss {line.loss:.4f}  lr {line.learning_rate:.2e}  "
            f"WQL {line.scores.wql:.4f} ({line.scores.wql / line.scores.wql_history:.3f} of HistQ56)  "
            f"promotions {line.scores.promotion_ratio:.3f}  generator {line.generator_share:.1%}"
            f"{'  best' if line.is_best else ''}"
        )

    best = train(config, directory, show, lambda: bool(stopping))
    typer.echo(f"best weights: {best}")


if __name__ == "__main__":
    typer.run(main)
