"""Every branch of the search for weights, on genuine files, a genuine cache layout and a local hub."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.weights import (
    DEFAULT_MODEL_ID,
    ResolvedWeights,
    WeightsSource,
    WeightsUnavailable,
    resolve_weights,
    tensor_names,
    verified_weights,
)
from tests.forecasting_lib.models.panels import random_panel

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def bundled(tiny_chronos: Path, tmp_path: Path) -> Path:
    """A directory of good weights that the test may break."""
    return shutil.copytree(tiny_chronos, tmp_path / "bundled")


def cache_with(model_id: str, weights: Path, cache_dir: Path) -> Path:
    """A hub cache that holds a model, in the layout the hub library writes; returns the snapshot."""
    repository = cache_dir / f"models--{model_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(REVISION)
    return shutil.copytree(weights, repository / "snapshots" / REVISION)


def offline(explicit: str | None = None, *, bundled: Path | None = None, cache_dir: Path) -> ResolvedWeights:
    return resolve_weights(explicit, bundled=bundled, offline=True, cache_dir=cache_dir)


def test_an_explicit_directory_wins_over_everything(
    tiny_chronos: Path, bundled: Path, tmp_path: Path
) -> None:
    cache_with(DEFAULT_MODEL_ID, tiny_chronos, tmp_path / "hub")
    found = offline(f" {tiny_chronos} ", bundled=bundled, cache_dir=tmp_path / "hub")
    assert (found.source, found.model_id) == (WeightsSource.EXPLICIT, str(tiny_chronos))
    assert (found.path, found.warnings) == (tiny_chronos, ())


def test_an_explicit_hub_id_is_found_in_the_cache(tiny_chronos: Path, tmp_path: Path) -> None:
    snapshot = cache_with("owner/fine-tuned", tiny_chronos, tmp_path / "hub")
    found = offline("owner/fine-tuned", cache_dir=tmp_path / "hub")
    assert (found.source, found.model_id, found.path) == (
        WeightsSource.EXPLICIT,
        "owner/fine-tuned",
        snapshot,
    )


@pytest.mark.parametrize("explicit", [None, "", "  "])
def test_the_default_model_is_taken_from_the_cache(
    tiny_chronos: Path, bundled: Path, tmp_path: Path, explicit: str | None
) -> None:
    snapshot = cache_with(DEFAULT_MODEL_ID, tiny_chronos, tmp_path / "hub")
    found = offline(explicit, bundled=bundled, cache_dir=tmp_path / "hub")
    assert (found.source, found.model_id, found.path) == (WeightsSource.HUB, DEFAULT_MODEL_ID, snapshot)
    assert found.warnings == ()


def test_falling_to_the_bundled_model_is_a_warning_that_says_why(bundled: Path, tmp_path: Path) -> None:
    found = offline(bundled=bundled, cache_dir=tmp_path / "hub")
    assert (found.source, found.model_id, found.path) == (WeightsSource.BUNDLED, "bundled", bundled)
    assert found.warnings == (
        "amazon/chronos-2 is not in the local hub cache, and offline mode is on. "
        "The small bundled model forecasts in its place.",
    )


def test_a_broken_default_model_in_the_cache_is_passed_over_with_a_warning(
    tiny_chronos: Path, bundled: Path, tmp_path: Path
) -> None:
    snapshot = cache_with(DEFAULT_MODEL_ID, tiny_chronos, tmp_path / "hub")
    os.truncate(snapshot / "model.safetensors", 1000)
    found = offline(bundled=bundled, cache_dir=tmp_path / "hub")
    assert found.source is WeightsSource.BUNDLED
    assert "model.safetensors is not a readable safetensors file" in found.warnings[0]


@pytest.mark.parametrize("bundled_exists", [False, True])
def test_no_weights_anywhere_says_what_was_tried_and_how_to_get_some(
    tmp_path: Path, bundled_exists: bool
) -> None:
    directory = tmp_path / "data" / "models"
    if bundled_exists:
        directory.mkdir(parents=True)
    with pytest.raises(WeightsUnavailable) as raised:
        offline(bundled=directory, cache_dir=tmp_path / "hub")
    message = str(raised.value)
    assert message.startswith("amazon/chronos-2 is not in the local hub cache, and offline mode is on.")
    assert ("has no config.json" in message) is bundled_exists
    assert message.endswith("then name it in CHRONOS_MODEL_ID.")


@pytest.mark.parametrize(
    ("explicit", "sentence"),
    [
        ("owner/absent", "owner/absent is not in the local hub cache, and offline mode is on"),
        ("/no/such/directory", "there is no such directory"),
        ("./weights", "there is no such directory"),
        ("chronos", "there is no such directory"),
        ("owner/bad..name", "not a valid hub id"),
    ],
)
def test_an_explicit_choice_that_cannot_be_met_is_an_error_and_no_fallback(
    bundled: Path, tmp_path: Path, explicit: str, sentence: str
) -> None:
    with pytest.raises(WeightsUnavailable, match=f"CHRONOS_MODEL_ID is '{explicit}'.*{sentence}"):
        offline(explicit, bundled=bundled, cache_dir=tmp_path / "hub")


def test_a_truncated_file_is_called_unreadable(bundled: Path, tmp_path: Path) -> None:
    os.truncate(bundled / "model.safetensors", 5000)
    with pytest.raises(WeightsUnavailable, match="not a readable safetensors file"):
        offline(str(bundled), cache_dir=tmp_path / "hub")


def test_a_pointer_in_the_place_of_the_file_is_called_unreadable(bundled: Path, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 478000000\n"
    (bundled / "model.safetensors").write_text(pointer)
    with pytest.raises(WeightsUnavailable, match="copy or download it again"):
        offline(str(bundled), cache_dir=tmp_path / "hub")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"architectures": ["T5ForConditionalGeneration"]},
            "another architecture .T5ForConditionalGeneration",
        ),
        ({"architectures": ["Chronos2Model"]}, "another architecture"),
        ([], "another architecture .none"),
    ],
)
def test_another_architecture_is_named(bundled: Path, tmp_path: Path, config: object, sentence: str) -> None:
    (bundled / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsUnavailable, match=sentence):
        offline(str(bundled), cache_dir=tmp_path / "hub")


@pytest.mark.parametrize(
    ("removed", "sentence"),
    [("config.json", "has no config.json"), ("model.safetensors", r"has no \*.safetensors file")],
)
def test_an_incomplete_directory_is_named(bundled: Path, tmp_path: Path, removed: str, sentence: str) -> None:
    (bundled / removed).unlink()
    with pytest.raises(WeightsUnavailable, match=sentence):
        offline(str(bundled), cache_dir=tmp_path / "hub")


def test_a_config_that_is_no_json_is_named(bundled: Path, tmp_path: Path) -> None:
    (bundled / "config.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(WeightsUnavailable, match="not readable JSON"):
        offline(str(bundled), cache_dir=tmp_path / "hub")


@pytest.mark.parametrize(
    ("listed", "expected"),
    [(None, set(Grain)), (["day"], {Grain.DAY}), (["week", "month"], {Grain.WEEK, Grain.MONTH})],
)
def test_weights_are_good_for_the_grains_their_config_lists_and_for_all_without_a_list(
    bundled: Path, tmp_path: Path, listed: list[str] | None, expected: set[Grain]
) -> None:
    config = json.loads((bundled / "config.json").read_text())
    (bundled / "config.json").write_text(
        json.dumps(config if listed is None else config | {"grains": listed})
    )
    assert offline(str(bundled), cache_dir=tmp_path / "hub").grains == expected


@pytest.mark.parametrize("listed", [["fortnight"], 7])
def test_grains_that_there_are_not_are_named(bundled: Path, tmp_path: Path, listed: object) -> None:
    config = json.loads((bundled / "config.json").read_text())
    (bundled / "config.json").write_text(json.dumps(config | {"grains": listed}))
    with pytest.raises(WeightsUnavailable, match="they must be among day, week, month"):
        offline(str(bundled), cache_dir=tmp_path / "hub")


def test_the_bundled_weights_are_for_days() -> None:
    directory = Path(__file__).parents[3] / "data" / "models" / "chronos-2-small-demand"
    assert verified_weights(WeightsSource.EXPLICIT, "copied", directory).grains == {Grain.DAY}


def test_the_digest_is_the_files_own_sha256(tiny_chronos: Path, tmp_path: Path) -> None:
    expected = hashlib.sha256((tiny_chronos / "model.safetensors").read_bytes()).hexdigest()
    assert offline(str(tiny_chronos), cache_dir=tmp_path / "hub").digest == expected


def test_tensor_names_are_those_of_the_file(tiny_chronos: Path) -> None:
    assert "shared.weight" in tensor_names(tiny_chronos)


def test_resolved_weights_forecast(tiny_chronos: Path, tmp_path: Path) -> None:
    cache_with(DEFAULT_MODEL_ID, tiny_chronos, tmp_path / "hub")
    path = offline(cache_dir=tmp_path / "hub").path
    assert Chronos2(path).predict(random_panel(2), 3).mean.shape == (2, 3)


RESOLVE = """
import sys
from pathlib import Path
from forecasting_lib.models.weights import WeightsUnavailable, resolve_weights
explicit, bundled, cache = sys.argv[1] or None, Path(sys.argv[2]), Path(sys.argv[3])
try:
    found = resolve_weights(explicit, bundled=bundled, cache_dir=cache)
    print(found.source, found.digest, *found.warnings)
except WeightsUnavailable as error:
    print("unavailable", error)
"""


def resolve_through(endpoint: str, bundled: Path, cache_dir: Path, explicit: str = "") -> str:
    """What the search finds in a process of its own whose hub is at this address."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
    environment = kept | {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", RESOLVE, explicit, str(bundled), str(cache_dir)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return done.stdout.strip()


@pytest.fixture
def hub(tiny_chronos: Path) -> Iterator[str]:
    """A hub on this machine that holds the default model and refuses every other; yields its address."""
    files = {file.name: file.read_bytes() for file in tiny_chronos.iterdir()}

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1].partition("?")[0]
            if not self.path.removeprefix("/api/models").startswith(f"/{DEFAULT_MODEL_ID}"):
                self.answer(404, b"")
            elif self.path.startswith("/api/models/"):
                siblings = [{"rfilename": file} for file in files]
                about = {"id": DEFAULT_MODEL_ID, "sha": REVISION, "siblings": siblings}
                tree = [{"type": "file", "path": n, "size": len(b), "oid": "0"} for n, b in files.items()]
                self.answer(200, json.dumps(tree if "/tree/" in self.path else about).encode())
            else:
                self.answer(200 if name in files else 404, files.get(name, b""))

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", REVISION)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_default_model_is_downloaded_once_and_then_found_in_the_cache(
    hub: str, tiny_chronos: Path, bundled: Path, tmp_path: Path
) -> None:
    digest = hashlib.sha256((tiny_chronos / "model.safetensors").read_bytes()).hexdigest()
    assert resolve_through(hub, bundled, tmp_path / "hub") == f"hub {digest}"
    assert resolve_through("http://127.0.0.1:9", bundled, tmp_path / "hub") == f"hub {digest}"


def test_an_id_the_hub_does_not_have_is_an_error(hub: str, bundled: Path, tmp_path: Path) -> None:
    said = resolve_through(hub, bundled, tmp_path / "hub", explicit="owner/no-such-model")
    assert said.startswith("unavailable CHRONOS_MODEL_ID is 'owner/no-such-model'")
    assert "the hub refuses it (404)" in said


def test_a_hub_that_is_away_leads_to_the_bundled_model(bundled: Path, tmp_path: Path) -> None:
    said = resolve_through("http://127.0.0.1:9", bundled, tmp_path / "hub")
    assert said.startswith("bundled ")
    assert "the hub cannot be reached" in said


def test_a_hub_that_never_answers_is_not_waited_for(bundled: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = resolve_through(f"http://127.0.0.1:{silent.getsockname()[1]}", bundled, tmp_path / "hub")
    assert said.startswith("bundled ")
    assert "the hub cannot be reached" in said
