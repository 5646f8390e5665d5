"""What a command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any, Optional, Sequence, TextIO

from verger.emr.outcomes import WrongUsage


@dataclass
class Console:
    """With as_json standard output has JSON alone: one document, or events a line each."""

    as_json: bool = False
    yes: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    into: TextIO = field(default_factory=lambda: sys.stdin)

    def say(self, text: str = "") -> None:
        """A line of the result, for people."""
        if not self.as_json:
            print(text, file=self.out, flush=True)

    def note(self, text: str) -> None:
        """Progress and warnings."""
        if self.as_json:
            self.event("log", level="info", message=text)
        else:
            print(text, file=self.err, flush=True)

    def document(self, value: Any) -> None:
        """The result, for programs."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, default=str), file=self.out, flush=True)

    def event(self, name: str, /, **keys: Any) -> None:
        """One line in the form of docs/progress.md."""
        self.document({"event": name, **keys})

    @property
    def is_live(self) -> bool:
        """Whether a line may be drawn over."""
        return not self.as_json and self.err.isatty()

    def redraw(self, text: str) -> None:
        """A line in place of the last one; on a terminal only."""
        self.err.write("\r\x1b[K" + text)
        self.err.flush()

    # --- Questions -----------------------------------------------------------

    def ask(self, question: str) -> str:
        """What the user answers, in small letters."""
        if not self.into.isatty():
            raise WrongUsage(f"{question} cannot be asked: this is no terminal",
                             "the same command with --yes")
        self.err.write(question + " ")
        self.err.flush()
        answer = self.into.readline()
        if not answer:
            raise KeyboardInterrupt
        return answer.strip().lower()

    def agree(self, question: str) -> bool:
        """--yes agrees; nothing else but y or yes does."""
        return self.yes or self.ask(f"{question} [y/N]") in ("y", "yes")

    def type_name(self, what: str, name: str, given: Optional[str] = None) -> bool:
        """Data goes only when its name is typed, or given as --confirm; --yes is not enough."""
        if given is not None:
            return given == name
        return self.ask(f"{what} To go on, type {name}:") == name.lower()


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, the first row above."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in rows)


def bytes_text(number: float) -> str:
    """As in 8.8 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def time_text(seconds: float) -> str:
    """As in 6 min 30 s or 1 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def euro_text(dollars: float, euros: float) -> str:
    """Both, for AWS bills in dollars."""
    return f"{euros:.2f} € ({dollars:.2f} $)"
