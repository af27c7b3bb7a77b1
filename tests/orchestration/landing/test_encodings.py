"""Text in the encodings that companies export: read as it was written and said, or refused."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.clients import Client
from orchestration.landing.batches import Table
from orchestration.landing.kinds import SALES
from orchestration.landing.layout import Layout
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError
from orchestration.landing.text_encodings import found_encoding
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, rows

GERMAN = ["Käse", "Brötchen", "Müsli", "Weißbrot", "Öl", "Äpfel"]
FRENCH = ["crème", "pâté", "café", "garçon", "hôtel", "fraîche"]
SPANISH = ["año", "piñata", "jamón", "azúcar", "España", "lápiz"]
POLISH = ["żółty", "gęś", "książka", "kiełbasa", "łosoś", "ćwikła"]
CZECH = ["příliš", "žluťoučký", "kůň", "čaj", "šunka", "mléko"]
HUNGARIAN = ["tejföl", "gyümölcs", "őszibarack", "tűzifa", "szőlő", "körte"]
RUSSIAN = ["молоко", "Хлеб", "сыр", "Шампунь", "масло", "Тёплый"]
GREEK = ["γάλα", "ψωμί", "τυρί", "ελιές", "λάδι", "καφές"]
TURKISH = ["şeker", "yoğurt", "ığdır", "çay", "süt", "İstanbul"]
LITHUANIAN = ["sūris", "žuvis", "ąžuolas", "kėdė", "įmonė", "ūkis"]
JAPANESE = ["東京", "シャンプー", "お茶", "牛乳", "りんご", "大阪店"]
CHINESE = ["洗发水", "牛奶", "苹果", "上海", "商店", "绿茶"]
TAIWANESE = ["洗髮精", "牛奶", "蘋果", "臺北", "商店", "綠茶"]
KOREAN = ["샴푸", "우유", "사과", "서울", "매장", "녹차"]

WRITTEN = [
    *((GERMAN, name) for name in ("cp1252", "iso8859-15", "cp850", "cp437", "mac_roman")),
    *((FRENCH, name) for name in ("cp1252", "cp850")),
    *((SPANISH, name) for name in ("cp1252", "cp850", "cp437")),
    *((POLISH, name) for name in ("cp1250", "iso8859-2", "cp852")),
    *((CZECH, name) for name in ("cp1250", "iso8859-2")),
    *((HUNGARIAN, name) for name in ("cp1250", "cp852")),
    *((RUSSIAN, name) for name in ("cp1251", "cp866")),
    *((GREEK, "cp1253"), (TURKISH, "cp1254"), (TURKISH, "cp857"), (LITHUANIAN, "cp1257")),
    *((JAPANESE, "shift_jis"), (CHINESE, "gb18030"), (TAIWANESE, "big5"), (KOREAN, "euc_kr")),
]


def sales(items: list[str]) -> str:
    return "date,item_id,units_sold\n" + "".join(f"2024-03-01,{item},3\n" for item in items)


def opened(content: bytes, layout: Layout | None = None, name: str = "sales.csv") -> Table:
    return open_table(io.BytesIO(content), name, len(content), SALES, layout or Layout())


def items_of(table: Table) -> list[str]:
    return [item for batch in table.batches for item in batch.rows["item_id"]]


@pytest.mark.parametrize(
    ("items", "encoding"), WRITTEN, ids=[f"{items[0]}-{encoding}" for items, encoding in WRITTEN]
)
def test_a_text_of_another_encoding_is_read_as_it_was_written_and_that_is_said(
    items: list[str], encoding: str
) -> None:
    table = opened(sales(items).encode(encoding))
    assert items_of(table) == items
    [remark] = table.remarks
    assert remark.startswith("Read as ")
    assert remark.endswith(
        "since it is not UTF-8; 'forecaster feed set CLIENT FEED --encoding ENCODING' says otherwise."
    )


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
)
def test_a_text_that_marks_its_encoding_is_read_without_a_word(encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be", "utf-32-be") else ""
    items = GERMAN + RUSSIAN + CHINESE
    table = opened((mark + sales(items)).encode(encoding))
    assert (items_of(table), table.remarks) == (items, ())


def test_a_declared_encoding_is_used_and_not_remarked_on() -> None:
    content = sales(["kùò"]).encode("cp1252")
    assert items_of(opened(content, Layout(encoding="cp1250"))) == ["kůň"]
    assert opened(content, Layout(encoding="cp1250")).remarks == ()


def test_a_declared_utf16_without_a_mark_is_that_of_windows() -> None:
    content = sales(GERMAN).encode("utf-16-le")
    assert items_of(opened(content, Layout(encoding="utf-16"))) == GERMAN


def test_a_mark_says_the_order_of_bytes_of_a_declared_utf16() -> None:
    content = ("\ufeff" + sales(GERMAN)).encode("utf-16-be")
    assert items_of(opened(content, Layout(encoding="utf-16"))) == GERMAN


@pytest.mark.parametrize(
    ("content", "declared", "sentence"),
    [
        (sales(GERMAN).encode("cp1252"), "utf-8", "line 2 is not UTF-8 (byte 36 of the text is 0xe4)"),
        (sales(GERMAN).encode("cp1252"), "ascii", "line 2 is not ascii (byte 36 of the text is 0xe4)"),
        (sales(["a\x81"]).encode("latin-1"), "cp1252", "line 2 is not cp1252 (byte 36 of the text is 0x81)"),
        (sales(["Öl"]).encode("utf-16-be"), "utf-16-le", "is missing"),
        (b"date,item_id,units_sold\n2024-03-01,+2AA-,3\n", "utf-7", "line 1 is not utf-7"),
    ],
)
def test_a_declared_encoding_that_does_not_fit_is_refused_with_line_and_byte(
    content: bytes, declared: str, sentence: str
) -> None:
    with pytest.raises(FileRefusedError) as refused:
        list(opened(content, Layout(encoding=declared)).batches)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        sales(GERMAN).encode() + "2024-03-01,Rührei,1\n".encode("cp1252"),
        sales(GERMAN).encode("cp1252") + "2024-03-01,Rührei,1\n".encode(),
        sales(GERMAN * 300).encode("cp1252") + sales(GERMAN).encode(),
        sales(POLISH).encode("cp1250") + sales(POLISH).encode(),
        sales(JAPANESE).encode()[:-7],
        sales(["日本"]).encode()[:-4],
    ],
    ids=[
        *("one line of cp1252", "one line of UTF-8", "a tail of UTF-8", "halves"),
        *("cut off", "cut off in its only word"),
    ],
)
def test_a_text_that_is_partly_utf8_is_damaged_and_refused(content: bytes) -> None:
    with pytest.raises(FileRefusedError, match=r"is not UTF-8 \(byte \d+ of the text is 0x"):
        opened(content)


def test_an_encoding_is_named_by_the_operator_where_none_is_found() -> None:
    with pytest.raises(FileRefusedError) as refused:
        opened(sales(["a\xa6b\xacc"]).encode("latin-1"))
    assert str(refused.value).endswith(
        "Export the file as UTF-8, or name its encoding with "
        "'forecaster feed set CLIENT FEED --encoding ENCODING'."
    )


@pytest.mark.parametrize("signs", ["12 €", "20 °C", "a’s", "Kaffee\u00a0frisch", "½ l", "„A“ – B"])
def test_signs_of_windows_beside_plain_letters_are_cp1252(signs: str) -> None:
    assert items_of(opened(sales([signs]).encode("cp1252"))) == [signs]


def test_the_euro_of_iso_8859_15_is_no_currency_sign() -> None:
    assert items_of(opened(sales(["Käse 3 €", *GERMAN]).encode("iso8859-15")))[0] == "Käse 3 €"


def test_some_words_of_other_languages_do_not_change_the_encoding() -> None:
    words = GERMAN * 3 + ["crème", "McCafé", "Ø20", "Señor", "A–Z"]
    assert found_encoding([word.encode("cp1252") for word in dict.fromkeys(words)]) == "cp1252"


def test_a_text_whose_first_umlaut_comes_late_is_found_out_all_the_same() -> None:
    content = sales(["tea"] * 60_000 + GERMAN).encode("cp1252")
    assert items_of(opened(content))[-6:] == GERMAN


def test_a_character_on_the_edge_of_two_blocks_is_one_character() -> None:
    for shift in range(4):
        content = sales(["x" * shift, *JAPANESE * 30_000])
        assert items_of(opened(content.encode()))[1:7] == JAPANESE
        assert items_of(opened(content.encode("shift_jis")))[1:7] == JAPANESE


def test_a_compressed_text_of_another_encoding_is_read_too() -> None:
    content = gzip.compress(sales(POLISH).encode("cp1250"))
    table = opened(content, name="sales.csv.gz")
    assert items_of(table) == POLISH
    assert table.remarks[0].startswith("Read as cp1250")


def test_the_message_of_the_delivery_says_what_the_file_was_read_as(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", sales(GERMAN).encode("cp1252"))
    assert outcome.status == "loaded"
    assert "Read as cp1252, since it is not UTF-8" in (outcome.message or "")
    found = rows(
        warehouse, "select item_id from staging.sales where client_id = %s order by 1", client.client_id
    )
    assert {item for (item,) in found} == set(GERMAN)


def test_the_text_of_a_row_that_is_rejected_late_is_that_of_the_found_encoding(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    deliver(warehouse, client, tmp_path, "sales.csv", sales([*GERMAN, "Käse"]).encode("cp1252"))
    kept = rows(warehouse, "select raw from ops.rejected_rows where client_id = %s", client.client_id)
    assert kept == [("2024-03-01,Käse,3",)]
