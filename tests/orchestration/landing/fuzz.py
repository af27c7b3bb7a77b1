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
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from orchestration.clients import get_client
from orchestration.landing.contracts import Column, ColumnType
from orchestration.landing.kinds import KINDS, Kind
from orchestration.landing.load import load_file
from orchestration.settings import load_settings
from orchestration.warehouse.server import locate_warehouse

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
}


def hostile_file(seed: int, number: int) -> tuple[str, bytes]:
    """Name and content of one file."""
    rng = random.Random(f"{seed}/{number}")
    kind = rng.choice(KINDS)
    stem = rng.choice(kind.patterns).replace("*", f"_{number}")
    makers: list[tuple[str, Callable[[], bytes]]] = [
        (".csv", lambda: damaged(rng, csv_text(rng, kind))),
        (".csv.gz", lambda: damaged_gzip(rng, csv_text(rng, kind))),
        (".parquet", lambda: damaged(rng, parquet(rng, kind))),
        (".parquet", lambda: parquet(rng, kind)),
        (rng.choice([".csv", ".csv.gz", ".parquet", ".xlsx"]), lambda: noise(rng)),
    ]
    [(suffix, make)] = rng.choices(makers, [35, 20, 20, 15, 10])
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


def damaged_gzip(rng: Random, content: bytes) -> bytes:
    """The content compressed, and a few things wrong with that."""
    match rng.randrange(6):
        case 0:
            return gzip.compress(damaged(rng, content), rng.randrange(1, 10))
        case 1:
            return gzip.compress(content)[: -rng.randrange(1, 40)]
        case 2:
            return gzip.compress(content) + rng.choice([gzip.compress(content), b"\0" * 9, rng.randbytes(20)])
        case 3:
            return damaged(rng, gzip.compress(content))
        case 4:
            line = rng.choice([b"\n", b"a\n", content[-40:], b" " * 50_000 + b"\n", b"0,", b"\0", b'"'])
            return gzip.compress(content + line * (rng.choice([1, 4, 100]) * 1_000_000 // len(line)), 9)
        case _:
            return gzip.compress(gzip.compress(content))


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


def extra_names(rng: Random, kind: Kind) -> list[str]:
    """Columns that the contract does not know, or the days of M5."""
    if kind.day_label is not None and rng.random() < 0.9:
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
