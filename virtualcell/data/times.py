"""Times that were written as text: "3h", "day 2", "E10.5", "30 min"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

HOURS = {"s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0, "weeks": 168.0, "months": 730.5, "years": 8766.0}
"""Units of time, in hours; a month is a twelfth of a year of 365.25 days."""

_WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "min": ("min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours", "hpf", "hpi"),
    # Embryonic (E10.5) and postnatal (P7) ages are counted in days.
    "d": ("d", "day", "days", "dpf", "dpi", "dpc", "div", "e", "p"),
    "weeks": ("w", "wk", "wks", "week", "weeks", "pcw"),
    "months": ("mo", "month", "months"),
    "years": ("y", "yr", "yrs", "year", "years"),
}
_UNIT = {word: unit for unit, words in _WORDS.items() for word in words}
_NO_UNIT = ("t", "time", "timepoint", "tp", "at", "stage", "age")

_NUMBER = r"\d+(?:\.\d+)?"
# A dash after a word joins it to the number ("day-2"); after a space it is a minus ("day -2").
_TIME = re.compile(
    rf"(?:(?P<before>[a-z]+)(?:[\s._:=]+|-(?=\d)|(?=\d)))?(?P<sign>-?)(?P<low>{_NUMBER})(?:\s*(?:-|–|to)\s*(?P<high>{_NUMBER}))?"
    r"[\s._-]*(?P<after>[a-z]*)\.?"
)

_PLAIN = re.compile(
    rf"{_NUMBER}\s*(?:h|hrs?|hours?|hpf|dpf|days?|mins?|minutes?|weeks?)|(?:hour|day|week|min|minute)[\s._-]*{_NUMBER}"
)


@dataclass(frozen=True)
class TimesRead:
    """Numbers for texts: ``number`` of each text that could be read, in ``unit``; the others in ``unread``."""

    number: dict[str, float]
    unit: str
    unread: tuple[str, ...]
    ranges: bool
    """Whether some text was a range ("0-3"), of which the middle was taken."""

    def shown(self, most: int = 12) -> str:
        """What was read as what, early to late: "0h → 0, 2h → 2"."""
        parts = [f"{text} → {value:g}" for text, value in sorted(self.number.items(), key=lambda part: part[1])]
        return ", ".join(parts[:most]) + (f" and {len(parts) - most} more" if len(parts) > most else "")


def read_times(texts: Sequence[str], unit: str = "h") -> TimesRead:
    """Each of the different texts as a number, all in the unit that most of them name.

    unit: of texts that name none, and of all where none names one.
    """
    found = {text: _read(text) for text in dict.fromkeys(texts)}
    named = Counter(part[1] for part in found.values() if part is not None and part[1] is not None)
    common = named.most_common(1)[0][0] if named else unit
    number = {}
    for text, part in found.items():
        if part is not None:
            own = part[1] or unit
            number[text] = part[0] if own == common else float(np.round(part[0] * _hours(own) / _hours(common), 9))
    unread = tuple(text for text in found if text not in number)
    return TimesRead(number, common, unread, any(part is not None and part[2] for part in found.values()))


def text_times(obs: pd.DataFrame, columns: Sequence[str]) -> str | None:
    """A column whose values are text of which every one can be read as a time, two or more different ones; None without one.

    columns: those whose name tells of time, looked at first; of others every value must name its unit ("6 h", "day 2").
    """
    others = [str(column) for column in obs.columns if column not in columns]
    for column in (*columns, *others):
        texts = [str(value) for value in pd.unique(obs[column].dropna())]
        if pd.api.types.is_numeric_dtype(obs[column]) or not 2 <= len(texts) <= 200:
            continue
        if column in others and not all(_PLAIN.fullmatch(text.strip().lower()) for text in texts):
            continue  # "p1" and "d2" are days only in a column that says so
        found = read_times(texts)
        if not found.unread and len(set(found.number.values())) > 1:
            return column
    return None


def _read(text: str) -> tuple[float, str | None, bool] | None:
    """Number, unit (None: not named) and whether it was a range; None for what is no time."""
    match = _TIME.fullmatch(text.strip().lower())
    if match is None:
        return None
    before, after = match["before"], match["after"]
    if (before and before not in _UNIT and before not in _NO_UNIT) or (after and after not in _UNIT):
        return None
    units = {_UNIT[word] for word in (before, after) if word in _UNIT}
    if len(units) > 1:
        return None
    value = float(match["low"]) * (-1 if match["sign"] else 1)
    if match["high"] is not None:
        value = (value + float(match["high"])) / 2
    return value, next(iter(units), None), match["high"] is not None


def _hours(unit: str) -> float:
    return HOURS.get(unit, 1.0)
