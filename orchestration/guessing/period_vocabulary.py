"""What companies call columns of years, months, weeks and days, and of periods that are numbered.

Belongs here: names, the surer sign first. Does not belong here: the columns of our kinds (``vocabulary``),
what values a column has (``content``).
"""

from __future__ import annotations

from orchestration.guessing.vocabulary import DATE, Names

YEAR: Names = ("year", "jahr", "ano", "annee", "anno", "jaar")
MONTH: Names = ("month", "monat", "mes", "mois", "mese", "maand")
MONTH_OF_A_YEAR: Names = (*MONTH, "period", "periode", "periodo")
"""Beside a year, a period up to 12 is a month."""

WEEK: Names = ("week", "woche", "kw", "kalenderwoche", "semana", "semaine", "iso week", "wk", "settimana")
DAY: Names = ("day", "tag", "dia", "jour", "giorno", "day of month")
PERIOD: Names = ("period", "periode", "periodo", "time index", "time", "t", *DATE)

LETTERS = {"w": WEEK, "m": MONTH, "d": DAY, "p": PERIOD, "t": PERIOD}
"""Letters before the number in the name of a column."""
