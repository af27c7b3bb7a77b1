"""Random files for the landing reader, and a process of their own in which they are loaded.

A file's content follows from the seed and its number alone, so that one finding can be repeated:
``hostile_file(seed, number)``. The process that loads has a limit of memory and each file one of time; the
parent starts it again after the file that ended it.

Does not belong here: what has to come out (``test_fuzz``).
"""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from orchestration.clients import get_client
from orchestration.landing.contracts import Column, ColumnType
from orchestration.landing.file_names import SUFFIXES, WORKBOOKS
from orchestration.landing.kind import Kind
from orchestration.landing.kinds import KINDS
from orchestration.landing.load import load_file
from orchestration.settings import load_settings
from orchestration.warehouse.server import locate_warehouse
from tests.orchestration.landing.workbooks import ERROR, Rows, ods, table, xls, xlsb, xlsx

MEMORY_BYTES = 1_536 << 20
"""Beyond what the process has when it begins."""

PATIENCE_SECONDS = 120
"""For one file; a sound one takes a thousandth of it."""

Random = random.Random


@dataclass(frozen=True)
class Verdict:
    """What became of one file; ``status`` is what was raised or what ended the process, where that was so."""

    number: int
    name: str
    status: str
    message: str


def verdicts(client_ids: list[str], seed: int, count: int) -> Iterator[Verdict]:
    """Load files ``0 .. count - 1`` in processes with limits."""
    number = 0
    while number < count:
        with tempfile.TemporaryDirectory() as folder, _loader(folder, client_ids) as loader:
            assert loader.stdin is not None
            assert loader.stdout is not None
            while number < count:
                name, content = hostile_file(seed, number)
                Path(folder, name).write_bytes(content)
                loader.stdin.write(json.dumps([number, name]) + "\n")
                loader.stdin.flush()
                answer = loader.stdout.readline()
                yield Verdict(
                    *(json.loads(answer) if answer else (number, name, f"ended {loader.wait()}", ""))
                )
                number += 1
                if not answer:
                    break


def _loader(folder: str, client_ids: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__, folder, *client_ids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def load_as_told(folder: str, client_ids: list[str]) -> None:
    """Load the files that the parent names, a verdict a line."""
    warehouse = locate_warehouse(load_settings())
    clients = [get_client(warehouse, client_id) for client_id in client_ids]
    for name, content in SOUND.items():
        Path(folder, name).write_bytes(content())
        load_file(warehouse, clients[0], Path(folder, name), name)
    # What the libraries map once and for all is no file's doing.
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, mapped + MEMORY_BYTES))
    for line in sys.stdin:
        number, name = json.loads(line)
        # Its default action ends the process wherever it is, in a library's loop, too.
        signal.alarm(PATIENCE_SECONDS)
        try:
            outcome = load_file(warehouse, clients[number % len(clients)], Path(folder, name), name)
            verdict = Verdict(number, name, outcome.status, outcome.message or "")
        except BaseException as error:
            verdict = Verdict(number, name, f"raised {type(error).__name__}", str(error)[:500])
        signal.alarm(0)
        Path(folder, name).unlink()
        print(json.dumps(astuple(verdict)), flush=True)  # noqa: T201 - the parent reads it


def _sound_parquet() -> bytes:
    buffer = io.BytesIO()
    days = pl.DataFrame({"date": [date(2024, 1, 1)], "item_id": ["tea"], "units_sold": [1]})
    days.write_parquet(buffer, use_pyarrow=True)
    return buffer.getvalue()


SOUND: dict[str, Callable[[], bytes]] = {
    "sales_sound.csv": lambda: b"date,item_id,units_sold\n2024-01-01,tea,1\n",
    "sales_sound.parquet": _sound_parquet,
    "sales_sound.xls": xls,
    "sales_sound.csv.zst": lambda: zstd(b"date,item_id,units_sold\n2024-01-02,K\xe4se,1\n"),
}


def hostile_file(seed: int, number: int) -> tuple[str, bytes]:
    """Name and content of one file."""
    rng = random.Random(f"{seed}/{number}")
    kind = rng.choice(KINDS)
    stem = rng.choice(kind.patterns).replace("*", f"_{number}")
    texts = [".csv", ".csv", ".tsv", ".txt"]
    makers: list[tuple[str, Callable[[], bytes]]] = [
        (rng.choice(texts), lambda: damaged(rng, csv_text(rng, kind))),
        (rng.choice(texts), lambda: damaged(rng, encoded(rng, csv_text(rng, kind)))),
        (f"{rng.choice(texts)}.gz", lambda: damaged_compression(rng, csv_text(rng, kind), gzip.compress)),
        (f"{rng.choice(texts)}.zst", lambda: damaged_compression(rng, csv_text(rng, kind), zstd)),
        (rng.choice([".jsonl", ".ndjson"]), lambda: damaged(rng, json_lines(rng, kind))),
        (".jsonl.zst", lambda: damaged_compression(rng, json_lines(rng, kind), zstd)),
        (".parquet", lambda: damaged(rng, parquet(rng, kind))),
        (".parquet", lambda: parquet(rng, kind)),
        (".xlsx", lambda: workbook(rng, kind)),
        (rng.choice(WORKBOOKS), lambda: damaged(rng, workbook(rng, kind))),
        (rng.choice(WORKBOOKS), lambda: damaged_parts(rng, workbook(rng, kind))),
        (".xls", lambda: damaged(rng, xls())),
        (rng.choice(SUFFIXES), lambda: noise(rng)),
    ]
    [(suffix, make)] = rng.choices(makers, [22, 12, 12, 10, 10, 4, 12, 10, 6, 4, 8, 6, 10])
    return f"{stem}{suffix}", make()


# --- bytes --------------------------------------------------------------------------------------------


def noise(rng: Random) -> bytes:
    """Bytes that are nothing, or begin like something."""
    start = rng.choice(
        [
            b"",
            b"",
            b"PAR1",
            b"PARE",
            b"\x1f\x8b",
            b"\x1f\x8b\x08\x00",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"PK\x03\x04",
            b"\x28\xb5\x2f\xfd",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"{",
        ]
    )
    body = rng.randbytes(rng.choice([0, 1, 7, 100, 5_000, 100_000]))
    return start + (body if rng.random() < 0.7 else body.replace(b"\0", b" ")) + rng.choice([b"", b"PAR1"])


def damaged(rng: Random, content: bytes) -> bytes:
    """The content with a few things wrong, or none."""
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at = rng.randrange(len(content) + 1)
        match rng.randrange(7):
            case 0:
                flipped = bytearray(content)
                for _ in range(rng.choice([1, 3, 30])):
                    if flipped:
                        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
                content = bytes(flipped)
            case 1:
                content = content[:at]
            case 2:
                content = content[:at] + rng.randbytes(rng.choice([1, 4, 200])) + content[at:]
            case 3:
                content = content[:at] + content[at + rng.choice([1, 10, 1_000]) :]
            case 4:
                content += content[at : at + 10_000] * rng.choice([1, 5])
            case 5:
                content = content[:at] + rng.choice(MARKS).encode("utf-8", "surrogatepass") + content[at:]
            case 6:
                content = content.replace(
                    rng.choice([b",", b"\n", b"-", b"1"]), rng.choice([b";", b"\r", b'"', b"\t", b""])
                )
    return content


def damaged_compression(rng: Random, content: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    """The content compressed, and a few things wrong with that."""
    match rng.randrange(6):
        case 0:
            return compress(damaged(rng, content))
        case 1:
            return compress(content)[: -rng.randrange(1, 40)]
        case 2:
            return compress(content) + rng.choice([compress(content), b"\0" * 9, rng.randbytes(20)])
        case 3:
            return damaged(rng, compress(content))
        case 4:
            line = rng.choice([b"\n", b"a\n", content[-40:], b" " * 50_000 + b"\n", b"0,", b"\0", b'"'])
            return compress(content + line * (rng.choice([1, 4, 100]) * 1_000_000 // len(line)))
        case _:
            return compress(compress(content))


def zstd(content: bytes) -> bytes:
    import pyarrow as pa

    return pa.compress(content, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


def damaged_parts(rng: Random, archive: bytes) -> bytes:
    """An archive whose files are damaged and whose checksums are right, so that their reader sees them."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        hit = rng.choice(old.namelist())
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, damaged_markup(rng, part) if name == hit or rng.random() < 0.1 else part)
    return buffer.getvalue()


def damaged_markup(rng: Random, part: bytes) -> bytes:
    """XML as a hostile or a broken writer leaves it."""
    match rng.randrange(4):
        case 0:
            place = rng.choice([b"XFD1048576", b"A1", b"ZZZZ99999999", b"B", b"A0"])
            return part.replace(b'r="B2"', b'r="%s"' % place).replace(b'r="A2"', b'r="%s"' % place)
        case 1:
            kind = rng.choice([b"s", b"e", b"d", b"b", b"str", b"inlineStr", b"nonsense"])
            return part.replace(b't="s"', b't="%s"' % kind)
        case 2:
            value = rng.choice([b"1e999", b"-1", b"99999999999", b"", b"NaN", b"<x/>", b"&amp;&#0;"])
            return part.replace(b"<v>1</v>", b"<v>%s</v>" % value)
        case _:
            return damaged(rng, part)


# --- text ---------------------------------------------------------------------------------------------

MARKS = [
    *("\0", '"', '""', "\r", "\r\n", "\n\n", "\ufeff", "\u202e", "\u2028", "\ud800", "٣", "\x1b[31m"),
    *("a" * 70_000, "'", "\\", "$1_$2", "[/x]", "<script>", "{{7*7}}", "%s", "|", "`", "=1+1", "9" * 400),
    *("-", "e", "NaN", "#", "\\N", "\\."),
]  # fmt: skip


def csv_text(rng: Random, kind: Kind) -> bytes:
    """A delivery as it should be, more or less."""
    delimiter = rng.choice([",", ",", ";", "\t"])
    columns = [column for column in kind.columns if column.required or rng.random() < 0.6]
    names = [column.name for column in columns] + extra_names(rng, kind)
    if rng.random() < 0.1:
        rng.shuffle(names)
    lines = [names]
    for _ in range(rng.choice([0, 1, 5, 60, 60, 1_000]) if len(names) < 100 else 3):
        lines.append([value(rng, column) for column in columns] + ["1"] * (len(names) - len(columns)))
        if rng.random() < 0.02:
            lines[-1] = lines[-1][: rng.randrange(len(lines[-1]) + 1)]
    return "\n".join(delimiter.join(line) for line in lines).encode("utf-8", "surrogatepass") + b"\n"


ENCODINGS = [
    "utf-16",
    "utf-16-le",
    "utf-32",
    "utf-8-sig",
    "cp1252",
    "cp1250",
    "cp1251",
    "shift_jis",
    "gb18030",
]
WORDS = ["Käse", "crème", "żółty", "молоко", "りんご", "牛奶", "50 €", "½ l"]


def encoded(rng: Random, text: bytes) -> bytes:
    """A text in another encoding, with a few words that need it."""
    words = rng.sample(WORDS, rng.choice([1, 2, 8]))
    whole = text.decode("utf-8", "replace") + "".join(f"{word},{word},1\n" for word in words)
    return whole.replace("i1", words[0]).encode(rng.choice(ENCODINGS), rng.choice(["ignore", "replace"]))


def json_lines(rng: Random, kind: Kind) -> bytes:
    """A delivery as objects, more or less."""
    columns = [column for column in kind.columns if column.required or rng.random() < 0.6]
    names = extra_names(rng, kind)[:300]
    lines: list[str] = []
    for _ in range(rng.choice([0, 1, 5, 60, 1_000]) if len(names) < 100 else 3):
        found: dict[str, Any] = {column.name: json_value(rng, column) for column in columns}
        found |= dict.fromkeys(names, rng.choice([1, "1", None, True]))
        lines.append(json.dumps(found, ensure_ascii=rng.random() < 0.5))
        if rng.random() < 0.02:
            lines.append(rng.choice(["[1]", "{}", "null", "[" * 5_000, '{"a": 1}' * 2, "", "tea"]))
    return "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"


def json_value(rng: Random, column: Column) -> Any:
    """A value for a column, mostly one that fits."""
    if rng.random() < 0.002:
        return rng.choice([[1], {"a": 1}, float("nan"), 10**400, "\ud800"])
    if column.type in (ColumnType.NUMBER, ColumnType.WHOLE) and rng.random() < 0.7:
        return rng.choice([rng.randrange(100), rng.random(), None])
    return value(rng, column)


def extra_names(rng: Random, kind: Kind) -> list[str]:
    """Columns that the contract does not know, or the days of M5."""
    if kind.cells is not None and rng.random() < 0.9:
        first = rng.choice([1, 1, 1_900, 6_000, 999_900])
        return [f"d_{day}" for day in range(first, first + rng.choice([1, 28, 1_941]))]
    if rng.random() < 0.05:
        return [f"c{number}" for number in range(rng.choice([500, 30_000]))]
    return [rng.choice(MARKS) for _ in range(rng.choice([0, 0, 0, 1, 3]))]


def value(rng: Random, column: Column) -> str:
    """A text for a column, mostly one that fits."""
    if rng.random() < 0.01:
        return rng.choice(MARKS)
    match column.type:
        case ColumnType.DATE:
            day = date(2024, 1, 1) + timedelta(days=rng.randrange(400))
            return rng.choices(
                [day.isoformat(), f"{day:%d.%m.%Y}", "0001-01-01", "9999-12-31", "+148108-07-06"],
                [95, 2, 1, 1, 1],
            )[0]
        case ColumnType.NUMBER | ColumnType.WHOLE:
            return rng.choices(
                [str(rng.randrange(100)), f"{rng.random():.3f}", "1e308", "-0", "1" * 30, "1e-999"],
                [90, 5, 1, 2, 1, 1],
            )[0]
        case ColumnType.BOOLEAN:
            return rng.choice(["true", "no", "1", "0", "Y", ""])
        case _:
            return rng.choices([f"i{rng.randrange(500)}", "x" * 250, "日本", "", " "], [95, 1, 2, 1, 1])[0]


# --- workbooks ----------------------------------------------------------------------------------------


def workbook(rng: Random, kind: Kind) -> bytes:
    """A workbook, its cells typed or not, its header somewhere."""
    columns = [column for column in kind.columns if column.required or rng.random() < 0.6]
    names = extra_names(rng, kind)[:40]
    rows = [
        [*(workbook_cell(rng, column) for column in columns), *([1] * len(names))]
        for _ in range(rng.choice([0, 1, 5, 60, 300]))
    ]
    header = [*(column.name for column in columns), *names]
    filled = table(header, *rows, at=rng.choice([1, 1, 1, 4, 31]))
    writers: list[Callable[[Rows], bytes]] = [xlsx_of, xlsx_of, xlsx_of, ods, xlsb]
    return rng.choice(writers)(printable_cells(filled))


def xlsx_of(rows: Rows) -> bytes:
    return xlsx({"About": {1: ["Sales"]}, "Data": rows})


def printable_cells(rows: Rows) -> Rows:
    """Rows that every writer can write: control characters are no part of XML."""
    return {number: [printable_cell(cell) for cell in cells] for number, cells in rows.items()}


def printable_cell(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    return "".join(character for character in cell if character.isprintable())[:20_000]


def workbook_cell(rng: Random, column: Column) -> Any:
    """A cell for a column, mostly one that fits."""
    if rng.random() < 0.01:
        return rng.choice([ERROR, True, 1e300, -1.5, 10**15])
    if column.type is ColumnType.DATE and rng.random() < 0.8:
        return date(2024, 1, 1) + timedelta(days=rng.randrange(400))
    if column.type in (ColumnType.NUMBER, ColumnType.WHOLE) and rng.random() < 0.8:
        return rng.choice([rng.randrange(100), rng.random()])
    return value(rng, column)


# --- Parquet ------------------------------------------------------------------------------------------


def parquet(rng: Random, kind: Kind) -> bytes:
    """A Parquet file, its columns of any type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_rows = rng.choice([0, 1, 3, 50, 50, 2_000])
    columns = [column for column in kind.columns if column.required or rng.random() < 0.4]
    arrays: dict[str, Any] = {}
    for column in columns:
        odd = rng.random() < 0.25
        arrays[column.name] = odd_array(rng, n_rows) if odd else fitting_array(rng, column, n_rows)
    for name in extra_names(rng, kind)[: 2_000 if n_rows < 10 else 30]:
        if name.isprintable():
            arrays[name[:100]] = odd_array(rng, n_rows)
    buffer = io.BytesIO()
    pq.write_table(
        pa.table(arrays),
        buffer,
        compression=rng.choice(["none", "snappy", "zstd", "gzip", "brotli", "lz4"]),
        row_group_size=rng.choice([1, 7, 1_000_000]) if n_rows < 100 else 1_000,
        use_dictionary=rng.random() < 0.7,
        store_schema=rng.random() < 0.6,
        data_page_version=rng.choice(["1.0", "2.0"]),
        write_statistics=rng.random() < 0.5,
    )
    return buffer.getvalue()


def fitting_array(rng: Random, column: Column, n_rows: int) -> Any:
    import pyarrow as pa

    texts = [value(rng, column).encode("utf-8", "replace").decode() for _ in range(n_rows)]
    if column.type is ColumnType.DATE and rng.random() < 0.5:
        days = [date(2024, 1, 1) + timedelta(days=rng.randrange(400)) for _ in range(n_rows)]
        return pa.array(days, pa.date32())
    if column.type in (ColumnType.NUMBER, ColumnType.WHOLE) and rng.random() < 0.6:
        numbers = pa.array([rng.randrange(100) for _ in range(n_rows)], pa.int64())
        return numbers.cast(
            rng.choice([pa.int64(), pa.int32(), pa.uint64(), pa.float64(), pa.decimal128(25, 2)])
        )
    return pa.array(texts, pa.string())


def odd_array(rng: Random, n_rows: int) -> Any:
    """Values of a type that few would deliver, at the ends of what it holds."""
    import pyarrow as pa

    def integers(bits: int) -> list[int]:
        return [rng.choice([0, 1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 19_800]) for _ in range(n_rows)]

    def viewed(bits: int, kind: Any) -> Callable[[], Any]:
        return lambda: pa.array(integers(bits), pa.int64() if bits == 64 else pa.int32()).view(kind)

    makers: list[Callable[[], Any]] = [
        viewed(32, pa.date32()),
        viewed(64, pa.timestamp("ms")),
        viewed(64, pa.timestamp("us", rng.choice(["UTC", "Europe/Berlin", "+02:00"]))),
        viewed(64, pa.timestamp("ns")),
        viewed(64, pa.time64("us")),
        viewed(64, pa.duration("s")),
        viewed(64, pa.uint64()),
        viewed(32, pa.float32()),
        viewed(64, pa.float64()),
        lambda: pa.array([rng.randbytes(4) for _ in range(n_rows)], pa.binary()),
        lambda: pa.array([rng.randbytes(16) for _ in range(n_rows)], pa.binary(16)),
        lambda: pa.nulls(n_rows, rng.choice([pa.null(), pa.string(), pa.date32(), pa.bool_()])),
        lambda: pa.array([Decimal("-0.000000001")] * n_rows, pa.decimal128(38, 9)),
        lambda: pa.array([Decimal("1.5")] * n_rows, pa.decimal256(60, 2)),
        lambda: pa.array([[1]] * n_rows),
        lambda: pa.array([{"a": 1}] * n_rows, pa.struct([("a", pa.int64())])),
        lambda: pa.array([True] * n_rows),
        lambda: pa.array([1.5] * n_rows, pa.float16()),
        lambda: pa.array([datetime(2024, 3, 1)] * n_rows, pa.timestamp("s")),  # noqa: DTZ001 - as delivered
        lambda: pa.DictionaryArray.from_arrays(
            pa.array([0] * n_rows, pa.int32()), pa.array(["x" * rng.choice([1, 300, 100_000])])
        ),
        lambda: pa.array([rng.choice(MARKS).encode("utf-8", "replace").decode() for _ in range(n_rows)]),
    ]
    return rng.choice(makers)()


if __name__ == "__main__":
    load_as_told(sys.argv[1], sys.argv[2:])
