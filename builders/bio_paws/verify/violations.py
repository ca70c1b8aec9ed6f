"""What a check of a data set finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Violation:
    """One broken invariant: where, as far as it is in one place, and what is wrong."""

    config: str
    split: str
    pair_id: str
    what: str

    def __str__(self) -> str:
        where = "/".join(part for part in (self.config, self.split) if part)
        row = f" row {self.pair_id}" if self.pair_id else ""
        return f"{where}{row}: {self.what}" if where else self.what
