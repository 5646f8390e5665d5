"""What a run will cost, and what it has cost.

Before: seconds from measured speeds, dollars from prices.json. After: the seconds of each
instance, or what EMR Serverless says that it billed. Neither asks the Cost Explorer, which
costs a cent a question and is a day late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, NamedTuple, Optional

from verger.emr.prices import InstancePrice, euros, instance_price, table

HOURS_A_MONTH = 730
PART_ROWS = 4096  # of the job
LEAST_SECONDS = 60  # AWS bills by the second, from a minute on
DISK_GB = 32  # of a node, as cluster.py asks for
# Images of the reference's data set below each mode, for an estimate without a bucket.
FRUITS = {"mini": 300, "apples": 6404, "full": 67_692}


class Part(NamedTuple):
    """One line of a bill."""

    name: str
    usd: float


@dataclass(frozen=True)
class Estimate:
    """Seconds and dollars of a run that has not begun."""

    images: int
    start_seconds: float
    work_seconds: float
    parts: tuple[Part, ...]
    usd_per_hour: float  # while it runs, requests aside
    what: str  # as in "5 x m7g.xlarge"

    @property
    def seconds(self) -> float:
        return self.start_seconds + self.work_seconds

    @property
    def usd(self) -> float:
        return sum(part.usd for part in self.parts)

    @property
    def eur(self) -> float:
        return euros(self.usd)

    def usd_at_limit(self, limit_seconds: float) -> float:
        """The most it can cost: when the time limit has to end it."""
        return self.usd_per_hour * (self.start_seconds + limit_seconds) / 3600 + self.requests

    @property
    def requests(self) -> float:
        return sum(part.usd for part in self.parts if part.name == "S3 requests")

    def limit_within(self, usd: float) -> float:
        """Seconds of work that so many dollars buy."""
        return 3600 * (usd - self.requests) / self.usd_per_hour - self.start_seconds

    def as_dict(self) -> dict[str, Any]:
        return {"images": self.images, "seconds": round(self.seconds), "usd": round(self.usd, 4),
                "eur": round(self.eur, 4), "usd_per_hour": round(self.usd_per_hour, 4),
                "machines": self.what, "parts": {p.name: round(p.usd, 4) for p in self.parts},
                "prices": {"date": table()["date"], "region": table()["region"]}}


# --- Speed ---------------------------------------------------------------------


def images_per_second(vcpus: float, tasks: float, peak: float, *, per_vcpu: Optional[float] = None,
                      overhead: Optional[float] = None, measured_peak: Optional[float] = None,
                      per_task: Optional[float] = None) -> float:
    """Of a job on so many vCPUs with so many tasks at a time: what the CPUs compute, or what
    the tasks read out of the bucket, whichever is less."""
    speed = table()["speed"]
    computed = (vcpus * (per_vcpu or speed["per_vcpu"]) * peak
                / (measured_peak or speed["peak"]) / (overhead or speed["overhead"]))
    return min(float(computed), tasks * float(per_task or speed["per_task"]))


def request_counts(images: int, reads_per_image: float = 1) -> tuple[float, float]:
    """(reads, writes): what a run asks of a bucket. A part's file of each of seven tables and its
    record are a PUT each, some are read back, and lists go before."""
    parts = -(-images // PART_ROWS)
    return images * reads_per_image + parts * 4, parts * 8 + images // 1000


def requests_usd(images: int, reads_per_image: float = 1) -> float:
    reads, writes = request_counts(images, reads_per_image)
    price: dict[str, float] = table()["s3"]
    return reads / 1000 * price["get"] + writes / 1000 * price["put"]


def _work_seconds(images: int, speed: float) -> float:
    return images / speed + float(table()["speed"]["job_minutes"]) * 60


# --- Before --------------------------------------------------------------------


def estimate_ec2(images: int, kind: InstancePrice, nodes: int, *, spot: int = 0,
                 primary: Optional[InstancePrice] = None) -> Estimate:
    """Of a cluster of its own: `nodes` workers, `spot` of them on Spot, and a primary node."""
    speed = table()["speed"]
    vcpus = nodes * kind.vcpus
    work = _work_seconds(images, images_per_second(vcpus, vcpus * speed["tasks_per_vcpu"],
                                                   kind.peak))
    start = speed["start_minutes"]["ec2"] * 60
    hours = max(start + work, LEAST_SECONDS) / 3600
    first = primary or kind
    on_demand = (nodes - spot) * kind.ec2 + first.ec2
    on_spot = spot * kind.ec2 * table()["spot_share"]
    fee = nodes * kind.emr + first.emr
    disks = (nodes + 1) * DISK_GB * table()["ebs_gb_month"] / HOURS_A_MONTH
    hourly = [Part("EC2", on_demand), Part("EC2 on Spot", on_spot), Part("EMR's fee", fee),
              Part("disks", disks)]
    parts = [Part(name, usd * hours) for name, usd in hourly if usd]
    parts.append(Part("S3 requests", requests_usd(images)))
    return Estimate(images, start, work, tuple(parts), sum(usd for _, usd in hourly),
                    f"{nodes + 1} x {kind.name}" + (f", {spot} on Spot" if spot else ""))


def estimate_serverless(images: int, arch: str, executor_vcpus: int, vcpus: int,
                        memory_gb: float) -> Estimate:
    """Of a job run whose workers have so many vCPUs and GB in all, the driver among them. An
    executor there has as many tasks as vCPUs."""
    price, speed = table()["serverless"][arch], table()["speed"]
    work = _work_seconds(images, images_per_second(executor_vcpus, executor_vcpus, price["peak"]))
    start = speed["start_minutes"]["serverless"] * 60
    hours = max(start + work, LEAST_SECONDS) / 3600
    hourly = [Part("vCPUs", vcpus * price["vcpu"]), Part("memory", memory_gb * price["gb"])]
    parts = [Part(name, usd * hours) for name, usd in hourly]
    parts.append(Part("S3 requests", requests_usd(images)))
    return Estimate(images, start, work, tuple(parts), sum(usd for _, usd in hourly),
                    f"Serverless, {vcpus} vCPU {arch}")


# --- After ---------------------------------------------------------------------


@dataclass(frozen=True)
class InstanceTime:
    """How long one instance of a cluster was there."""

    kind: str
    seconds: float
    spot: bool


@dataclass(frozen=True)
class Bill:
    """What a run has cost so far; `unknown` are instance types that have no price here."""

    parts: tuple[Part, ...]
    unknown: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        return sum(part.usd for part in self.parts)

    @property
    def eur(self) -> float:
        return euros(self.usd)

    def as_dict(self) -> dict[str, Any]:
        return {"usd": round(self.usd, 4), "eur": round(self.eur, 4),
                "parts": {p.name: round(p.usd, 4) for p in self.parts},
                "without_price": list(self.unknown)}


def bill_ec2(instances: Iterable[InstanceTime]) -> Bill:
    """Of the seconds of a cluster's instances."""
    machines = fee = disks = 0.0
    unknown = set()
    for instance in instances:
        price = instance_price(instance.kind)
        hours = max(instance.seconds, LEAST_SECONDS) / 3600
        disks += hours * DISK_GB * table()["ebs_gb_month"] / HOURS_A_MONTH
        if price is None:
            unknown.add(instance.kind)
            continue
        machines += hours * price.ec2 * (table()["spot_share"] if instance.spot else 1)
        fee += hours * price.emr
    return Bill((Part("EC2", machines), Part("EMR's fee", fee), Part("disks", disks)),
                tuple(sorted(unknown)))


def bill_serverless(billed: dict[str, float], arch: str) -> Bill:
    """Of billedResourceUtilization, in hours of a vCPU and of a GB."""
    price = table()["serverless"][arch]
    return Bill((Part("vCPUs", billed.get("vCPUHour", 0.0) * price["vcpu"]),
                 Part("memory", billed.get("memoryGBHour", 0.0) * price["gb"])))
