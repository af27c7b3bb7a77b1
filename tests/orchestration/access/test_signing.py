"""The signing key: required where others depend on it, made up and kept where nobody does."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestration.access.refusals import AccessError
from orchestration.access.signing import signing_keys
from orchestration.settings import Settings, load_settings

KEY, OTHER = "k" * 64, "o" * 64


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without any key."""
    for name in ("ENVIRONMENT", "JWT_SECRET_KEY", "JWT_SECRET_KEY_PREVIOUS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORECASTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_in_production_it_is_required(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(AccessError, match="JWT_SECRET_KEY is not set"):
        signing_keys(load_settings())
    assert not home.exists()
    monkeypatch.setenv("JWT_SECRET_KEY", KEY)
    monkeypatch.setenv("JWT_SECRET_KEY_PREVIOUS", OTHER)
    keys = signing_keys(load_settings())
    assert keys.believed == [KEY, OTHER]
    assert keys.made_up_in is None


def test_in_development_one_is_made_up_for_this_user_alone_and_kept(home: Path) -> None:
    keys = signing_keys(load_settings())
    assert keys.made_up_in is not None
    assert stat.S_IMODE(keys.made_up_in.stat().st_mode) == 0o600
    assert signing_keys(load_settings()) == keys
    assert list(home.iterdir()) == [keys.made_up_in]


def test_two_processes_at_once_make_up_one(home: Path) -> None:
    settings = load_settings()
    with ThreadPoolExecutor(8) as pool:
        found = {keys.current.get_secret_value() for keys in pool.map(signing_keys, [settings] * 32)}
    assert len(found) == 1


def test_one_that_others_may_read_or_that_is_damaged_is_not_used(home: Path) -> None:
    path = signing_keys(load_settings()).made_up_in
    assert path is not None
    path.chmod(0o640)
    with pytest.raises(AccessError, match="Others may read"):
        signing_keys(load_settings())
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(AccessError, match="holds no key"):
        signing_keys(load_settings())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("JWT_SECRET_KEY", "secret", "32 characters"),
        ("JWT_SECRET_KEY_PREVIOUS", "x" * 31, "32 characters"),
        ("ENVIRONMENT", "staging", "production"),
        ("CORS_ORIGINS", "*", "not an origin"),
        ("CORS_ORIGINS", "https://a.example.com/path", "not an origin"),
        ("CORS_ORIGINS", "planning.example.com", "not an origin"),
    ],
)
def test_a_variable_that_is_not_valid_is_refused_and_not_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=says) as refused:
        load_settings()
    if "SECRET" in name:
        assert value not in str(refused.value)


def test_origins_are_listed_with_commas(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://A.example.com, http://localhost:8080")
    assert load_settings().cors_origins == ("https://a.example.com", "http://localhost:8080")
    assert Settings.model_fields["cors_origins"].default == ()
