"""What companies call the columns of our kinds, in the languages we have seen exports in.

Belongs here: names. A name that stands earlier is the surer sign. Does not belong here: what values a column
has (``content``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

Names = tuple[str, ...]

_ITEM: Names = (
    *("item id", "item code", "item number", "item no", "item nr", "item", "sku", "sku id", "sku code"),
    *("article number", "article code", "article", "artikelnummer", "artikel nr", "artikel", "material"),
    *("product id", "product code", "product number", "stock code", "stockcode", "part number", "part no"),
    *("part id", "part", "ean", "gtin", "upc", "barcode", "plu", "product", "produkt", "producto", "produto"),
    *("produit", "prodotto", "referencia", "reference", "ref", "codigo", "brand", "marke", "model"),
    *("product name", "item name", "description"),
)
_LOCATION: Names = (
    *("location id", "location code", "location", "store id", "store code", "store number", "store nbr"),
    *("store nr", "store", "shop id", "shop", "branch", "filiale", "filialnummer", "outlet", "site code"),
    *(
        "site id",
        "site",
        "warehouse code",
        "warehouse id",
        "warehouse",
        "facility",
        "depot",
        "lager",
        "lagerort",
    ),
    *("tienda", "loja", "magasin", "punto de venta", "standort", "werk", "plant", "negozio", "winkel"),
)
_DATE: Names = (
    *(
        "date",
        "datum",
        "fecha",
        "data",
        "giorno",
        "day",
        "tag",
        "jour",
        "sales date",
        "order date",
        "buchungsdatum",
    ),
    *("belegdatum", "posting date", "transaction date", "invoice date", "invoicedate", "verkaufsdatum"),
    *(
        "rechnungsdatum",
        "date time",
        "datetime",
        "timestamp",
        "time stamp",
        "zeitstempel",
        "created at",
        "week",
    ),
    *("week start", "week ending", "week end", "woche", "semana", "semaine", "month", "monat", "mes", "mois"),
    *("period", "periode", "periodo", "year month", "zeit", "time"),
)
_UNITS: Names = (
    *("units sold", "quantity sold", "qty sold", "sold quantity", "sold qty", "sales quantity", "sales qty"),
    *("unit sales", "sales units", "verkaufte menge", "verkaufsmenge", "absatzmenge", "absatz"),
    *(
        "quantity issued",
        "qty issued",
        "issued quantity",
        "issues",
        "issued",
        "stock distributed",
        "distributed",
    ),
    *("dispensed", "consumption", "consumed", "verbrauch", "usage", "used", "demand", "nachfrage", "bedarf"),
    *(
        "move",
        "quantity",
        "qty",
        "menge",
        "anzahl",
        "stueck",
        "stueckzahl",
        "stuck",
        "pieces",
        "units",
        "sold",
        "volume",
    ),
    *("cantidad vendida", "cantidad", "unidades", "quantidade", "qtd", "vendas", "venda", "ventas", "venta"),
    *(
        "quantite",
        "ventes",
        "quantita",
        "vendite",
        "aantal",
        "afzet",
        "verkauf",
        "verkaeufe",
        "sales",
        "count",
    ),
)
_ON_HAND: Names = (
    *("on hand qty", "on hand quantity", "on hand", "stock on hand", "soh", "stock end", "ending stock"),
    *("end stock", "closing stock", "closing balance", "end inventory", "ending inventory", "stock level"),
    *("stock qty", "stock quantity", "lagerbestand", "bestand", "endbestand", "inventory", "inventory level"),
    *("stock", "balance", "estoque", "existencias", "voorraad", "giacenza", "available qty"),
)
_PRICE: Names = (
    *(
        "unit price",
        "unitprice",
        "price per unit",
        "sell price",
        "sales price",
        "selling price",
        "einzelpreis",
    ),
    *("stueckpreis", "stuckpreis", "verkaufspreis", "vk preis", "precio unitario", "preco unitario"),
    *("prix unitaire", "prezzo unitario", "price", "preis", "precio", "preco", "prix", "prezzo", "prijs"),
)
_SUPPLIER: Names = (
    *("supplier id", "supplier code", "supplier number", "supplier", "vendor id", "vendor code", "vendor"),
    *("lieferantennummer", "lieferant", "proveedor", "fornecedor", "fournisseur", "fornitore", "leverancier"),
)
_NAME: Names = (
    *(
        "name",
        "item name",
        "product name",
        "description",
        "item description",
        "bezeichnung",
        "titel",
        "title",
    ),
    *("artikelbezeichnung", "descripcion", "descricao", "designation", "libelle", "descrizione"),
)
_CATEGORY: Names = (
    *("category", "kategorie", "warengruppe", "product group", "productgroup", "item group", "family"),
    *("product family", "product type", "group", "type", "class", "categoria", "categorie", "familia"),
)

NAMES: Mapping[str, Mapping[str, Names]] = {
    "sales": {
        "date": _DATE,
        "item_id": _ITEM,
        "units_sold": _UNITS,
        "location_id": _LOCATION,
        "unit_price": _PRICE,
        "on_promotion": (
            *("on promotion", "onpromotion", "is promotion", "is promo", "promotion", "promo", "promoted"),
            *("on deal", "deal", "aktion", "promocion", "promocao", "promozione", "offer", "feat", "feature"),
        ),
        "on_hand_qty": _ON_HAND,
        "order_id": (
            *(
                "order id",
                "order no",
                "order number",
                "order nr",
                "invoice no",
                "invoiceno",
                "invoice number",
            ),
            *(
                "invoice id",
                "invoice",
                "receipt no",
                "receipt number",
                "receipt id",
                "receipt",
                "ticket number",
            ),
            *("ticket no", "ticket", "transaction id", "transaction no", "transaction number", "basket id"),
            *("bonnummer", "bon nr", "bon", "belegnummer", "beleg", "rechnungsnummer", "rechnung", "auftrag"),
            *("auftragsnummer", "bestellnummer", "factura", "facture", "fattura", "pedido", "document no"),
        ),
        "reason": ("reason", "reason code", "movement type", "grund", "bewegungsart", "motivo"),
    },
    "stock_levels": {
        "date": (*_DATE, "count date", "stock date", "snapshot date", "stichtag"),
        "item_id": _ITEM,
        "on_hand_qty": (*_ON_HAND, "quantity", "qty", "menge"),
        "location_id": _LOCATION,
        "reserved_qty": ("reserved qty", "reserved", "allocated", "reserviert"),
        "backorder_qty": ("backorder qty", "backorder", "back order", "backorders", "rueckstand"),
    },
    "products": {
        "item_id": _ITEM,
        "name": _NAME,
        "category": _CATEGORY,
        "department": ("department", "dept", "abteilung", "departamento"),
        "brand": ("brand", "marke", "marca", "marque"),
        "unit_cost": (
            *(
                "unit cost",
                "cost price",
                "purchase price",
                "cost",
                "einkaufspreis",
                "ek preis",
                "ek",
                "costo",
            ),
        ),
        "unit_price": _PRICE,
        "uom": ("uom", "unit of measure", "mengeneinheit", "einheit", "unit", "unidad"),
        "moq_qty": ("moq", "moq qty", "minimum order quantity", "min order qty", "mindestbestellmenge"),
        "order_multiple_qty": (
            *(
                "order multiple",
                "order multiple qty",
                "pack size",
                "case size",
                "case pack",
                "units per case",
            ),
            *("verpackungseinheit", "vpe", "lot size", "carton qty"),
        ),
        "shelf_life_days": ("shelf life days", "shelf life", "haltbarkeit", "mhd tage"),
        "supplier_id": _SUPPLIER,
        "launch_date": ("launch date", "first sale date", "available from", "einfuehrung"),
        "end_date": ("end date", "discontinued", "delisted", "auslauf", "available until"),
        "successor_item_id": ("successor", "successor item", "replaced by", "nachfolger"),
    },
    "suppliers": {
        "supplier_id": _SUPPLIER,
        "name": ("name", "supplier name", "vendor name", "firma"),
        "lead_time_days": (
            "lead time days",
            "lead time",
            "lieferzeit",
            "wiederbeschaffungszeit",
            "lead days",
        ),
        "review_days": ("review days", "order cycle days", "bestellrhythmus"),
        "min_order_value": ("min order value", "minimum order value", "mindestbestellwert"),
    },
    "locations": {
        "location_id": _LOCATION,
        "name": ("name", "store name", "location name", "site name", "filialname"),
        "region": ("region", "state", "bundesland", "district", "region name"),
        "country": ("country", "country code", "land", "pais", "pays"),
        "timezone": ("timezone", "time zone", "zeitzone"),
        "type": ("type", "store type", "format", "site type"),
    },
    "purchase_orders": {
        "po_id": (
            *("po id", "po number", "po no", "po", "purchase order", "purchase order number", "bestellung"),
            *("bestellnummer", "order number", "order id", "pedido"),
        ),
        "item_id": _ITEM,
        "ordered_qty": (
            *("ordered qty", "ordered quantity", "quantity ordered", "qty ordered", "order qty"),
            *("order quantity", "bestellmenge", "line item quantity", "quantity", "qty", "menge"),
        ),
        "order_date": (
            "order date",
            "ordered at",
            "po date",
            "po sent to vendor date",
            "bestelldatum",
            "date",
        ),
        "location_id": _LOCATION,
        "supplier_id": _SUPPLIER,
        "expected_date": (
            *("expected date", "due date", "promised date", "scheduled delivery date", "liefertermin", "eta"),
        ),
        "received_date": (
            *("received date", "receipt date", "delivered date", "delivery date", "wareneingang"),
            *("delivered to client date", "lieferdatum"),
        ),
        "received_qty": ("received qty", "received quantity", "quantity received", "gelieferte menge"),
        "status": ("status", "state"),
    },
    "promotions": {
        "item_id": _ITEM,
        "category": _CATEGORY,
        "start_date": ("start date", "start", "from", "from date", "valid from", "beginn", "von"),
        "end_date": ("end date", "end", "to", "to date", "valid to", "valid until", "ende", "bis"),
        "location_id": _LOCATION,
        "discount_rate": ("discount rate", "discount", "rabatt", "descuento"),
        "type": ("type", "promotion type", "mechanic", "aktionsart"),
        "announced_date": ("announced date", "announced", "planned on"),
    },
    "outlier_verdicts": {
        **{"date": _DATE, "item_id": _ITEM, "location_id": _LOCATION},
        "keep": ("keep", "is genuine", "genuine", "behalten"),
        "clean_qty": ("clean qty", "clean quantity", "cleaned qty", "corrected qty"),
        "decided_by": ("decided by", "planner", "user"),
        "note": ("note", "comment", "bemerkung"),
    },
    "opening_days": {
        "date": _DATE,
        "is_open": ("is open", "open", "opened", "geoeffnet", "abierto"),
        "location_id": _LOCATION,
    },
}

UNITS, DATE = _UNITS, _DATE

EXACT = 5.0
"""Likeness of a name that is one of the known, or contains the most usual of them."""

_WORDS_OF_CAMELS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_SPELLINGS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@lru_cache(maxsize=4_096)
def plain(name: str) -> str:
    """A name in lower case without accents and marks, its words apart.

    >>> plain("InvoiceDate"), plain("Stück_preis"), plain("Qté.")
    ('invoice date', 'stueck preis', 'qte')
    """
    words = _WORDS_OF_CAMELS.sub(" ", name.strip()).casefold().translate(_SPELLINGS)
    bare = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return _NOT_A_WORD.sub(" ", bare).strip()


def likeness(name: str, known: Names) -> float:
    """How surely a name is one of the known: 0 for none; one that stands earlier counts a little more."""
    said = plain(name)
    words, joined = set(said.split()), said.replace(" ", "")
    best = 0.0
    for rank, candidate_words, candidate_joined in _taken_apart(known):
        if joined == candidate_joined:
            best = max(best, 10 * rank)
        elif candidate_words <= words:
            best = max(best, 5 * rank)
    return best


@lru_cache(maxsize=256)
def _taken_apart(known: Names) -> list[tuple[float, frozenset[str], str]]:
    """Rank, words, and letters without blanks of each name."""
    return [
        (1 - position / (2 * len(known)), frozenset(candidate.split()), candidate.replace(" ", ""))
        for position, candidate in enumerate(known)
    ]
