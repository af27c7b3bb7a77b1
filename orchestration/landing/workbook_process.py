"""A workbook that another process has open, and what it is asked.

The process gets a line with ``size`` and ``decimal_comma`` and the workbook's bytes, and answers with the
names of its sheets; then it gets ``[sheet, first row, last row or null]`` a line, and answers each with rows,
a line each, and ``null``. All lines are JSON. Where it cannot go on it says so in an object, or ends.

Belongs here: the process, and what is said where it ends. Does not belong here: the cells
(``workbook_cells``), which sheet and which row (``workbook_reader``).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from orchestration.landing import workbook_cells
from orchestration.landing.reasons import FileRefusedError, Refusal

_PROGRAM = Path(workbook_cells.__file__)


class Workbook:
    """A workbook, as long as the ``with`` block lasts.

    Args:
        content: the file.
        path: for messages.
        size_bytes: its size.
        decimal_comma: numbers in it get a comma before their decimals.

    Attributes:
        sheets: name of each sheet with cells -> whether people see it.

    Raises:
        FileRefusedError: it cannot be read; also while rows are taken.
    """

    sheets: dict[str, bool]

    def __init__(self, content: BinaryIO, path: str, size_bytes: int, *, decimal_comma: bool) -> None:
        self._content = content
        self._path = path
        self._about = {"size": size_bytes, "decimal_comma": decimal_comma}

    def __enter__(self) -> Self:
        # -P: the folder of the program is no place to import from.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._send(json.dumps(self._about).encode() + b"\n", self._content)
            self.sheets = dict(self._answer())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end()

    def rows(self, sheet: str, first: int, last: int | None) -> Iterator[tuple[int, list[str]]]:
        """Number and texts of a sheet's rows that are not blank; take them all before asking again."""
        self._send(json.dumps([sheet, first, last]).encode() + b"\n")
        while (row := self._answer()) is not None:
            number, texts = row
            yield number, texts

    def _send(self, line: bytes, content: BinaryIO | None = None) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            if content is not None:
                shutil.copyfileobj(content, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        answer = json.loads(line)
        if isinstance(answer, dict):
            is_encrypted = answer["problem"] == workbook_cells.ENCRYPTED
            what = "is encrypted" if is_encrypted else "is a damaged workbook, or has a password"
            raise FileRefusedError(Refusal.BAD_WORKBOOK, f"{self._path} {what}")
        return answer

    def _ended(self) -> FileRefusedError:
        return FileRefusedError(
            Refusal.BAD_WORKBOOK,
            f"{self._path} cannot be opened: it is damaged, or has a cell so far out that it needs more than "
            f"{workbook_cells.MEMORY_BYTES >> 30} GiB of memory",
        )

    def _end(self) -> None:
        self._process.kill()
        # What was not flushed has nobody to read it.
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:
                continue
        self._process.wait()
