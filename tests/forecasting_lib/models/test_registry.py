"""The registry: every model by name, and none that is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forecasting_lib.models.registry import REGISTRY, available_models, create_model, model_entry


def test_models_are_listed_from_the_simplest() -> None:
    assert available_models() == ("ma7", "seasonal_naive", "chronos2")


@pytest.mark.parametrize("name", REGISTRY)
def test_a_models_name_is_its_registry_key(name: str) -> None:
    settings = {"path": Path("weights")} if model_entry(name).needs_weights else {}
    assert create_model(name, **settings).name == name


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no model 'ma8'; known models are ma7, seasonal_naive, chronos2"):
        create_model("ma8")


def test_a_setting_that_makes_it_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="settings of model 'ma7' do not fit"):
        create_model("ma7", window=28)


def test_missing_weights_are_named() -> None:
    with pytest.raises(ValueError, match=r"'chronos2' do not fit.*path"):
        create_model("chronos2")


def test_listing_and_making_models_imports_no_torch() -> None:
    script = (
        "import sys; from pathlib import Path; from forecasting_lib.models import guards, registry, weights; "
        "registry.create_model('chronos2', path=Path('.')); "
        "print(sorted({'torch', 'chronos', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
