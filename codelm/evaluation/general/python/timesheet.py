#!/usr/bin/env python3
"""Summarise a freelancer's timesheet: hours and money per client and month."""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TextIO

CENT = Decimal("0.01")


class TimesheetError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True, order=True)
class Entry:
    start: datetime
    end: datetime
    client: str = field(compare=False)
    note: str = field(default="", compare=False)

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: Entry) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass
class Invoice:
    client: str
    month: date
    rate: Decimal
    entries: list[Entry] = field(default_factory=list)

    @property
    def hours(self) -> Decimal:
        """Hours, each entry rounded up to a quarter as the contract has it."""
        quarters = sum(-(-entry.duration // timedelta(minutes=15)) for entry in self.entries)
        return Decimal(quarters) / 4

    @property
    def total(self) -> Decimal:
        return (self.hours * self.rate).quantize(CENT, ROUND_HALF_UP)


def read_entries(stream: TextIO) -> Iterator[Entry]:
    """Yield the rows of a CSV file with the columns day, from, to, client and note."""
    previous: Entry | None = None
    for number, row in enumerate(csv.DictReader(stream), start=2):
        try:
            day = date.fromisoformat(row["day"])
            start, end = (datetime.combine(day, datetime.strptime(row[key], "%H:%M").time()) for key in ("from", "to"))
        except KeyError as missing:
            raise TimesheetError(1, f"column {missing} is missing") from None
        except ValueError as error:
            raise TimesheetError(number, str(error)) from error
        if end <= start:  # worked past midnight
            end += timedelta(days=1)
        entry = Entry(start, end, row["client"].strip(), row.get("note") or "")
        if previous and entry.overlaps(previous):
            raise TimesheetError(number, f"{entry.client} overlaps {previous.client} at {entry.start:%H:%M}")
        yield entry
        previous = entry


def invoices(entries: Iterable[Entry], rates: dict[str, Decimal], default: Decimal) -> list[Invoice]:
    groups: defaultdict[tuple[date, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.start.date().replace(day=1), entry.client].append(entry)
    return [
        Invoice(client, month, rates.get(client, default), sorted(group))
        for (month, client), group in sorted(groups.items())
    ]


def rate(text: str) -> tuple[str, Decimal]:
    client, sign, amount = text.rpartition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not CLIENT=RATE")
    return client, Decimal(amount)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rate", type=rate, action="append", default=[], metavar="CLIENT=RATE")
    parser.add_argument("--default-rate", type=Decimal, default=Decimal(80))
    args = parser.parse_args(argv)
    try:
        with args.file.open(newline="", encoding="utf-8") as stream:
            found = invoices(read_entries(stream), dict(args.rate), args.default_rate)
    except (OSError, TimesheetError) as error:
        print(f"timesheet: {error}", file=sys.stderr)
        return 1
    for invoice in found:
        print(f"{invoice.month:%Y-%m}  {invoice.client:<20} {invoice.hours:>7} h {invoice.total:>10}")
    print(f"{'sum':>28} {sum(i.hours for i in found):>9} h {sum(i.total for i in found):>10}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
