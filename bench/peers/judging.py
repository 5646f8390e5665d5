"""What a figure means: whose features are wrong, how many times as fast, in which table."""

import statistics
from dataclasses import dataclass, field

import numpy as np

TOLERANCE = 1e-4  # relative L2; what a bf16 shortcut does is a thousand times that


def distance(features, expected):
    return float(np.linalg.norm(features - expected) / np.linalg.norm(expected))


def is_wrong(off):
    """Not a number is wrong too."""
    return not off <= TOLERANCE


def percent(off):
    return f"{100 * off:.2g} %"


@dataclass
class Row:
    """One way of doing the work: what it computes, and its images/s by round."""

    name: str
    way: str = ""  # how it takes two cores
    off: float | None = None  # of its features, relative L2; None for the reference itself
    note: str = ""  # why they may be off
    verdict: str = ""  # why it is not timed
    rates: list = field(default_factory=list)

    def judge(self, network_off, decoded_off):
        """A network that computes something else is wrong, other pixels are not."""
        if is_wrong(network_off):
            self.off, self.verdict = network_off, f"wrong: features off by {percent(network_off)}"
        else:
            self.off = decoded_off
            if is_wrong(decoded_off):
                self.note = "other pixels than the reference's"

    def full_name(self):
        return f"{self.name}, {self.way}" if self.way else self.name

    def features(self):
        if self.off is None:
            return "the reference"
        return f"{percent(self.off)}: {self.note}" if self.note else f"{self.off:.1e}"

    def facts(self, ours):
        facts = {"name": self.name, "way": self.way, "features_off": self.off}
        if self.verdict:
            return facts | {"verdict": self.verdict}
        return facts | {"images_per_second": self.rates, "median": statistics.median(self.rates),
                        "verger_is": quotients(ours, self.rates)}


def quotients(ours, theirs):
    """Rounds lie side by side in time, so that each is a comparison of its own."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def best_ways(rows):
    """(the fastest way, the other ways) by name, in the order of the names."""
    for name in dict.fromkeys(row.name for row in rows):
        ways = [row for row in rows if row.name == name]
        ways.sort(key=lambda row: (bool(row.verdict), -statistics.median(row.rates or [0])))
        yield ways[0], ways[1:]


def table(title, rows):
    """In Markdown; the first row is verger's."""
    ours = rows[0].rates
    lines = [f"| {title} | images/s, median | lowest to highest | verger is, median | "
             "lowest to highest | features off by |", "|---|---|---|---|---|---|"]
    for row, others in best_ways(rows):
        if row.verdict:
            lines.append(f"| {row.name} | {row.verdict} | | | | |")
            continue
        name = row.full_name()
        if others:
            name += f" ({', '.join(map(other_way, others))})"
        cells = [name, f"{statistics.median(row.rates):.1f}",
                 f"{min(row.rates):.1f} to {max(row.rates):.1f}", "", "", row.features()]
        if row is not rows[0]:
            times = quotients(ours, row.rates)
            cells[3] = f"{statistics.median(times):.2f} x"
            cells[4] = f"{min(times):.2f} to {max(times):.2f}"
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def other_way(row):
    return f"{row.way}: {row.verdict or format(statistics.median(row.rates), '.1f')}"
