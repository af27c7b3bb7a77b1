"""Small workbooks of every format, for tests.

.xlsx is written by a library. No library that is kept writes the others: .ods and .xlsb are put together here
from the few parts that a reader needs, and one .xls stands below as text.
"""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

ERROR = "#N/A"
"""A cell with this text becomes a formula with an error."""

Rows = Mapping[int, Sequence[Any]]
"""Number of a row, the first being 1 -> its cells from column A on; None is empty."""


def xlsx(sheets: Mapping[str, Rows], hidden: Iterable[str] = (), number_format: str = "yyyy-mm-dd") -> bytes:
    """A workbook as Excel writes it."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": number_format})
    clock, length = book.add_format({"num_format": "hh:mm"}), book.add_format({"num_format": "[h]:mm"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        elif next(iter(sheets)) in hidden:
            sheet.activate()
            sheet.set_first_sheet()
        for number, cells in rows.items():
            for column, cell in enumerate(cells):
                if cell == ERROR:
                    sheet.write_formula(number - 1, column, "=NA()", None, ERROR)
                elif isinstance(cell, time | timedelta):
                    style = clock if isinstance(cell, time) else length
                    sheet.write_datetime(number - 1, column, cell, style)
                elif cell is not None:
                    sheet.write(number - 1, column, cell)
    book.close()
    return buffer.getvalue()


def table(header: Sequence[Any], *rows: Sequence[Any], at: int = 1) -> dict[int, Sequence[Any]]:
    """Rows of a sheet, from a row on."""
    return dict(enumerate([header, *rows], at))


# --- .ods ---------------------------------------------------------------------------------------------

_ODS = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
    + " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    + ' office:version="1.2"><office:body><office:spreadsheet><table:table table:name="Data">'
    "{}</table:table></office:spreadsheet></office:body></office:document-content>"
)


def ods(rows: Rows, more: str = "") -> bytes:
    """A workbook as LibreOffice writes it, and further rows as XML."""
    written = ["".join(map(_ods_cell, rows.get(number, [None]))) for number in range(1, max(rows) + 1)]
    lines = "".join(f"<table:table-row>{cells}</table:table-row>" for cells in written)
    return _zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": _ODS.format(lines + more),
            "META-INF/manifest.xml": "<manifest/>",
        }
    )


def _ods_cell(cell: Any) -> str:
    match cell:
        case None:
            return "<table:table-cell/>"
        case bool():
            value = f'"boolean" office:boolean-value="{str(cell).lower()}"'
        case int() | float():
            value = f'"float" office:value="{cell}"'
        case datetime() | date():
            value = f'"date" office:date-value="{cell.isoformat()}"'
        case _:
            value = '"string"'
    return (
        f"<table:table-cell office:value-type={value}><text:p>{escape(str(cell))}</text:p></table:table-cell>"
    )


# --- .xlsb --------------------------------------------------------------------------------------------


def xlsb(rows: Rows) -> bytes:
    """A workbook as Excel writes it in its binary format, of texts, numbers and booleans."""
    width = max(map(len, rows.values()))
    sheet = [_record(129), _record(148, struct.pack("<4I", 0, max(rows) - 1, 0, width - 1)), _record(145)]
    for number, cells in rows.items():
        sheet.append(_record(0, struct.pack("<3I", number - 1, 0, 0) + bytes(5)))
        for column, cell in enumerate(cells):
            place = struct.pack("<2I", column, 0)
            match cell:
                case None:
                    continue
                case bool():
                    sheet.append(_record(4, place + bytes([cell])))
                case int() | float():
                    sheet.append(_record(5, place + struct.pack("<d", cell)))
                case _:
                    sheet.append(_record(6, place + _wide(str(cell))))
    book = struct.pack("<2I", 0, 1) + _wide("rId1") + _wide("Data")
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
    return _zipped(
        {
            "xl/workbook.bin": _record(131) + _record(143) + _record(156, book) + _record(144) + _record(132),
            "xl/_rels/workbook.bin.rels": (
                '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
                f'<Relationship Id="rId1" Type="{kind}" Target="worksheets/sheet1.bin"/></Relationships>'
            ),
            "xl/worksheets/sheet1.bin": b"".join([*sheet, _record(146), _record(130)]),
        }
    )


def _record(number: int, payload: bytes = b"") -> bytes:
    return _in_sevens(number) + _in_sevens(len(payload)) + payload


def _in_sevens(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first; all but the last have the eighth bit."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _zipped(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# --- .xls ---------------------------------------------------------------------------------------------

_XLS = (
    "c-rk)O-NKx6#m|yj>G7TlSUfIAoORt2sdqPDk?WAR*NEn>FImXpfgX#*TNQMnadz(RkSfoXk)eMhYAW>v<Qq^1VNy+bQKh|P+#Yq"
    "d9QRLaG)gPeUE$Yz280O-1FxC&U-ywJ2QT-aTX=m1r3W{6)Ki+3Z<%`k^r@P9v6c=LdgrUrcf23fvhm_xcXHkk0FouEL7appOXYW"
    "QaXV_bUS%FwTjp)F_;R+&_Pnc4Pt80AW<bn_K934@{VXe5xHBK%OX2ScSbpm>2!C?PJb33Q=6r&2JH8N*t{2J2kP;XXYu(fN>SIq"
    "o<i0fSYr)MdJGew0qwN&c7f}0+(Hx>CbZ>pZI(5IIvVT=eDzYmmta*tONIRE@(PImww$m04IiOFEak7NIxqt7q%4v##L%vDi;jJ!"
    "YtG}KEa?iF?l@u&*h4AjRI1A?^qnR>%XDp;CRx|cWwI7ckTdzLJCqr62CNw1<THZ>C+E0XC$9mnZASSBkS!yzY|E&Yr4%D+Aui=w"
    "Sx^azdH(k2H(k9w>5MQVa!eEtlT92uJX~N4GOiJ}c;s+Pi&$(Ic~QJ>lyalUI-2d2Z|<r03kOC;=aRH;rheK5Z_`_rl($lOZ0^v*"
    "rm;`yZB(A>oIP7N^)5Y*W;)y~vgc<MtxBtM{Tky@I>;4&<M|-6;g?M)q9)`G6nOrL8OH)GJLYPIU=2;)Zn=gg8mw2W1;1ahrczD&"
    "QPZfV`@ZxNUr(_?xFl}AV5`YE`=ya5ABGyCHck3rTcgDGoEjA_iAl2Mz6^<jxndi8oTEV4lOdkyqM#;mpF^c>_a~wV5h6s05FtW@"
    "2=Pxsk*gv6ODW{C#~1KQ|GUltrN!_w$$yK(aOiRAPvw5(DKB8StogGZh7$NvR%jD^FJv60-V5kQuf)+`_WY$kWXjU_S+QZ_&n=;H"
    "`(G?4&cEFMcklt|hX"
)


def xls() -> bytes:
    """A workbook as Excel 97 wrote it, made once with a library that nobody keeps any more.

    A title is in row 2, the names of the columns in row 4, then two sales with typed dates, their items a
    number and a text.
    """
    return zlib.decompress(base64.b85decode(_XLS))


def encrypted_xlsx() -> bytes:
    """What tells a workbook with a password from an .xls: a stream of another name in the same container."""
    name = "Workbook".encode("utf-16-le")
    return xls().replace(
        name + bytes(64 - len(name)), "EncryptedPackage".encode("utf-16-le").ljust(64, b"\0")
    )
