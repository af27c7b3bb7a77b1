"""The registry: every model by name, and none that is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.models.registry import (
    REGISTRY,
    available_models,
    create_model,
    missing_package,
    model_entry,
    unfit_because,
)
from forecasting_lib.models.weights import ResolvedWeights, WeightsSource


def test_models_are_listed_from_the_simplest() -> None:
    assert available_models() == (
        *("ma7", "seasonal_naive", "hist_q", "hist_dow", "croston_sba", "tsb", "adida", "imapa"),
        *("theta", "auto_ets", "gbm", "chronos2"),
    )


@pytest.mark.parametrize("name", REGISTRY)
def test_a_models_name_is_its_registry_key(name: str) -> None:
    settings = {"path": Path("weights")} if model_entry(name).needs_weights else {}
    assert create_model(name, **settings).name == name


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no model 'ma8'; known models are ma7, seasonal_naive, .*, chronos2$"
    ):
        create_model("ma8")


def test_a_setting_that_makes_it_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="settings of model 'ma7' do not fit"):
        create_model("ma7", window=28)


def test_missing_weights_are_named() -> None:
    with pytest.raises(ValueError, match=r"'chronos2' do not fit.*path"):
        create_model("chronos2")


def test_listing_and_making_models_imports_no_heavy_library() -> None:
    script = (
        "import sys; from pathlib import Path; from forecasting_lib.models import guards, registry, weights; "
        "[registry.create_model(n, **({'path': Path('.')} if registry.model_entry(n).needs_weights else {})) "
        "for n in registry.REGISTRY]; [registry.missing_package(n) for n in registry.REGISTRY]; "
        "heavy = {'torch', 'chronos', 'transformers', 'statsforecast', 'lightgbm', 'sklearn', 'pandas'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_package_that_is_not_installed_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [missing_package(name) for name in REGISTRY] == [None] * len(REGISTRY)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert missing_package("gbm") == (
        "gbm needs lightgbm, which is not installed; install it with: pip install 'forecaster[zoo]'."
    )
    assert missing_package("theta") is None
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    assert [name for name in REGISTRY if missing_package(name)] == [
        *("croston_sba", "tsb", "adida", "imapa", "theta", "auto_ets", "gbm")
    ]


def test_every_grain_has_a_model_that_needs_no_weights() -> None:
    fit = {
        grain: [n for n in REGISTRY if not REGISTRY[n].needs_weights and unfit_because(n, grain) is None]
        for grain in Grain
    }
    of_any = ["croston_sba", "tsb", "adida", "imapa", "theta", "auto_ets", "gbm"]
    assert fit == {
        Grain.DAY: ["ma7", "seasonal_naive", "hist_q", "hist_dow", *of_any],
        Grain.WEEK: ["seasonal_naive", "hist_q", *of_any],
        Grain.MONTH: ["seasonal_naive", "hist_q", *of_any],
    }


def test_weights_of_days_are_refused_for_months_with_a_sentence_that_says_what_to_do() -> None:
    def weights(*grains: Grain) -> ResolvedWeights:
        return ResolvedWeights(WeightsSource.BUNDLED, "bundled", Path(), "0", grains=frozenset(grains))

    assert unfit_because("chronos2", Grain.DAY, weights(Grain.DAY)) is None
    assert unfit_because("chronos2", Grain.MONTH, weights(*Grain)) is None
    assert unfit_because("chronos2", Grain.MONTH, weights(Grain.DAY)) == (
        "The weights bundled were trained for days only, and this demand comes by the month; "
        "name weights for it in CHRONOS_MODEL_ID, such as amazon/chronos-2."
    )
