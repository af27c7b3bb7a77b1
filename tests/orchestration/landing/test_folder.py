"""What lies in a landing folder is listed and opened without following what a client put in its place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.clients import Client
from orchestration.landing.folder import FileChangedError, LandingFile, NotOpenedError, open_listed, scan
from orchestration.landing.reasons import Refusal
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_files, ingest_folder
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import rows

PRODUCTS = "item_id,name\n"


def test_an_absent_folder_has_no_files(tmp_path: Path) -> None:
    assert scan(tmp_path / "absent") == []


@pytest.mark.parametrize(
    "name", ["sales.csv.part", "sales.csv.tmp", ".hidden.csv", "Thumbs.db", ".DS_Store", "sales.csv~"]
)
def test_unfinished_and_hidden_files_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert scan(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["sales 1.csv", "sales'\".csv", "sales 🙂.csv", "sales;drop table.csv", "sub/sales.csv", "sales_é.csv"],
)
def test_unusual_names_are_fine(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x")
    assert [(found.path, found.problem) for found in scan(tmp_path)] == [(name, None)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"sales..csv", "sales..csv"),
        (b"..sales.csv", "..sales.csv"),
        (b"sales\n.csv", "sales\\n.csv"),
        (b"sales\xff.csv", "sales\\udcff.csv"),
    ],
)
def test_names_that_cannot_be_trusted_are_listed_with_their_problem(
    tmp_path: Path, name: bytes, shown: str
) -> None:
    (tmp_path / os.fsdecode(name)).write_text("x")
    [found] = scan(tmp_path)
    assert found.path == shown
    assert found.problem is not None


def test_links_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (tmp_path / "secret.csv").write_text("x")
    (landing / "sales.csv").write_text("x")
    (landing / "sales_out.csv").symlink_to(tmp_path / "secret.csv")
    (landing / "sales_in.csv").symlink_to(landing / "sales.csv")
    (landing / "sales_gone.csv").symlink_to(landing / "gone.csv")
    (landing / "sales_folder").symlink_to(tmp_path, target_is_directory=True)

    problems = {found.path: found.problem for found in scan(landing)}

    assert problems == {
        "sales.csv": None,
        "sales_in.csv": None,
        "sales_out.csv": "is a link that leads out of the landing folder",
        "sales_folder": "is a link that leads out of the landing folder",
        "sales_gone.csv": "is a link to something that is not a file",
    }


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sales.csv")
    [found] = scan(tmp_path)
    assert found.problem == "is not a regular file"


def test_a_link_to_itself_is_listed_and_so_is_one_that_comes_back(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").symlink_to("sales.csv")
    (tmp_path / "sales_1.csv").symlink_to("sales_2.csv")
    (tmp_path / "sales_2.csv").symlink_to("sales_1.csv")
    assert {found.problem for found in scan(tmp_path)} == {"is a link that leads to itself"}
    assert len(scan(tmp_path)) == 3


def test_folders_without_an_end_are_not_followed_down(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x"] * 40)
    deep.mkdir(parents=True)
    (deep / "sales.csv").write_text("x")
    [found] = scan(tmp_path)
    assert found.problem == "is a folder below 32 others"


def test_a_landing_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "sub").mkdir(parents=True)
    (tmp_path / "disk" / "sub" / "sales.csv").write_text("there")
    (tmp_path / "landing").symlink_to(tmp_path / "disk", target_is_directory=True)
    [found] = scan(tmp_path / "landing")
    with open_listed(tmp_path / "landing", found) as content:
        assert content.read() == b"there"


# --- between the listing and the opening --------------------------------------------------------------


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A folder with a file, a file in a folder, and something secret outside."""
    (tmp_path / "landing" / "sub").mkdir(parents=True)
    for name in ("landing/sales.csv", "landing/other.csv", "landing/sub/sales.csv", "sales.csv"):
        (tmp_path / name).write_text("secret" if name == "sales.csv" else name)
    return tmp_path / "landing"


def seen(landing: Path, name: str) -> LandingFile:
    return next(file for file in scan(landing) if file.path == name)


def swap(path: Path, put: Callable[[Path], None]) -> None:
    """Put something else in a file's place."""
    path.unlink()
    put(path)


@pytest.mark.parametrize(
    ("put", "problem"),
    [
        (lambda path: path.symlink_to("../sales.csv"), "is a link that leads out of the landing folder"),
        (lambda path: path.symlink_to("sub"), "is a link to something that is not a file"),
        (lambda path: path.symlink_to("sales.csv"), "is a link that leads to itself"),
        (os.mkfifo, "is not a regular file"),
        (Path.mkdir, "is not a regular file"),
    ],
    ids=["out", "folder", "itself", "pipe", "directory"],
)
def test_what_took_a_files_place_is_refused_in_the_words_of_the_listing(
    landing: Path, put: Callable[[Path], None], problem: str
) -> None:
    file = seen(landing, "sales.csv")
    swap(landing / "sales.csv", put)
    with pytest.raises(NotOpenedError, match=problem):
        open_listed(landing, file)


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.write_text("landing/sales.csv"),
        lambda path: path.symlink_to("other.csv"),
        lambda path: path.hardlink_to(path.parent / "other.csv"),
    ],
    ids=["file", "link", "hard_link"],
)
def test_another_file_in_its_place_is_left_to_the_next_run(
    landing: Path, put: Callable[[Path], None]
) -> None:
    file = seen(landing, "sales.csv")
    (landing / "sales.csv").rename(landing / "kept.csv")
    put(landing / "sales.csv")
    with pytest.raises(FileChangedError, match="was written to"):
        open_listed(landing, file)


def test_a_folder_swapped_for_a_link_is_not_followed(landing: Path) -> None:
    file = seen(landing, "sub/sales.csv")
    (landing / "sub").rename(landing / "moved")
    (landing / "sub").symlink_to("..", target_is_directory=True)
    with pytest.raises(FileChangedError):
        open_listed(landing, file)
    assert seen(landing, "sub").problem == "is a link that leads out of the landing folder"


def test_a_link_to_a_file_of_the_folder_is_read_where_it_led_when_it_was_listed(landing: Path) -> None:
    (landing / "linked.csv").symlink_to("sub/sales.csv")
    file = seen(landing, "linked.csv")
    swap(landing / "linked.csv", lambda path: path.symlink_to("../sales.csv"))
    with open_listed(landing, file) as content:
        assert content.read() == b"landing/sub/sales.csv"
    swap(landing / "sub" / "sales.csv", lambda path: path.symlink_to("../../sales.csv"))
    with pytest.raises(NotOpenedError, match="leads out"):
        open_listed(landing, file)


# --- from the folder to the database ------------------------------------------------------------------


@pytest.fixture
def tenants(settings: Settings, new_client: Callable[..., Client]) -> tuple[Client, Path, Path]:
    """A client, its folder, and the products of another."""
    mine, other = new_client(), new_client()
    folder, others = (settings.client_landing_dir(client.client_id) for client in (mine, other))
    folder.mkdir(parents=True)
    others.mkdir(parents=True)
    (others / "products.csv").write_text(PRODUCTS + "secret,Secret\n")
    return mine, folder, others / "products.csv"


def products(warehouse: Warehouse, client: Client) -> list[tuple[object, ...]]:
    return rows(warehouse, "select item_id from staging.products where client_id = %s", client.client_id)


@pytest.mark.parametrize("put", ["link", "pipe"])
def test_a_file_swapped_during_a_run_brings_nothing_of_another_client_and_holds_nobody_up(
    warehouse: Warehouse, tenants: tuple[Client, Path, Path], put: str
) -> None:
    client, folder, secret = tenants
    for number, name in enumerate(("products_0.csv", "products.csv")):
        (folder / name).write_text(PRODUCTS + f"item_{number},Mine\n")
        os.utime(folder / name, ns=(number, number))

    def swap_the_second(path: str, _rows: int) -> None:
        if path == "products_0.csv":
            link_or_pipe(folder / "products.csv")

    def link_or_pipe(path: Path) -> None:
        path.unlink()
        os.mkfifo(path) if put == "pipe" else path.symlink_to(secret)

    outcomes = ingest_folder(warehouse, client, folder, 0, on_progress=swap_the_second)

    refused = next(outcome for outcome in outcomes if outcome.path == "products.csv")
    problem = "is not a regular file" if put == "pipe" else "is a link that leads out of the landing folder"
    assert (refused.status, refused.message) == (
        "rejected",
        f"products.csv {problem}. {Refusal.UNSAFE_NAME.advice}",
    )
    assert products(warehouse, client) == [("item_0",)]
    assert ingest_folder(warehouse, client, folder, 0) == []


@pytest.mark.parametrize("through", ["file", "folder"])
def test_a_person_who_names_what_lies_in_a_landing_folder_is_led_nowhere_else(
    warehouse: Warehouse, settings: Settings, tenants: tuple[Client, Path, Path], through: str
) -> None:
    client, folder, secret = tenants
    named = folder / "products.csv"
    if through == "file":
        named.symlink_to(secret)
    else:
        (folder / "sub").symlink_to(secret.parent, target_is_directory=True)
        named = folder / "sub" / "products.csv"

    [outcome] = ingest_files(warehouse, client, [named], settings.landing_dir)

    assert outcome.status == "rejected"
    assert products(warehouse, client) == []


def test_a_persons_own_link_is_followed(
    warehouse: Warehouse, settings: Settings, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "export.csv").write_text(PRODUCTS + "mine,Mine\n")
    (tmp_path / "products.csv").symlink_to("disk/export.csv")

    [outcome] = ingest_files(warehouse, client, [tmp_path / "products.csv"], settings.landing_dir)

    assert (outcome.path, outcome.status) == ("products.csv", "loaded")
