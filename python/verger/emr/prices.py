"""The table of prices and speeds: prices.json, which bench/cost_model.py reads as well."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any, Optional


@functools.lru_cache(maxsize=None)
def table() -> dict[str, Any]:
    """prices.json as it is; its notes say what the numbers are and where they come from."""
    text = resources.files(__package__).joinpath("prices.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


@dataclass(frozen=True)
class InstancePrice:
    """Dollars an hour of one instance on demand, and what its CPUs are worth."""

    name: str
    vcpus: int
    ec2: float
    emr: float  # EMR's fee
    peak: float  # GFLOP/s of a vCPU
    arch: str  # x86_64 or arm64


def vcpus_of_size(size: str) -> Optional[int]:
    """Of the names that EC2 gives its sizes: large is 2, xlarge 4, 12xlarge 48."""
    if size == "large":
        return 2
    found = re.fullmatch(r"(\d*)xlarge", size)
    return 4 * int(found[1] or 1) if found else None


def instance_price(name: str) -> Optional[InstancePrice]:
    """Of any size of a family in the table; None for another family."""
    family, _, size = name.partition(".")
    vcpus = vcpus_of_size(size)
    for row in table()["instances"]:
        if row["name"].partition(".")[0] == family and vcpus:
            share = vcpus / row["vcpus"]
            return InstancePrice(name, vcpus, row["ec2"] * share, row["emr"] * share, row["peak"],
                                 row["arch"])
    return None


def known_families() -> list[str]:
    """Families of the table, in its order."""
    return [row["name"].partition(".")[0] for row in table()["instances"]]


def euros(dollars: float) -> float:
    """By the rate of the table."""
    return dollars * float(table()["eur_per_usd"])
