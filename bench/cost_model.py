"""What a run costs on a cluster, on paper: hours, requests and euros from measured speed.

    .deps/venv/bin/python bench/cost_model.py [--per-vcpu IMAGES_PER_SECOND] [--overhead 1.17] ...

Prices and speeds are data (python/verger/emr/prices.json), each with its source and date: look
them up again before relying on them. `verger-emr cost` says the same of one run, disks
included.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

from verger.emr.cost import images_per_second, request_counts, requests_usd  # noqa: E402
from verger.emr.prices import euros, table  # noqa: E402

SIZES = (67_692, 1_000_000, 100_000_000)
SPEED = table()["speed"]


def cost(kind, images, arguments):
    """(hours, euros of machines, euros of requests, reads) of one instance type."""
    vcpus = arguments.nodes * kind["vcpus"]
    speed = images_per_second(vcpus, vcpus * arguments.tasks, kind["peak"],
                              per_vcpu=arguments.per_vcpu, overhead=arguments.overhead,
                              measured_peak=arguments.peak, per_task=arguments.per_task)
    hours = images / speed / 3600 + arguments.start_minutes / 60
    machines = arguments.nodes + 1  # one for YARN and the driver
    per_hour = machines * (kind["ec2"] + kind["emr"])
    reads, _ = request_counts(images, arguments.requests)
    return (hours, euros(per_hour * hours), euros(requests_usd(images, arguments.requests)), reads)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--per-vcpu", type=float, default=SPEED["per_vcpu"], help="measured images/s of a CPU, "
        "whole job (default: %(default)s)")
    add("--peak", type=float, default=SPEED["peak"], help="GFLOP/s of that CPU, as `verger bench` "
        "says (default: %(default)s)")
    add("--overhead", type=float, default=SPEED["overhead"], help="of Spark over the command, for "
        "each image (default: %(default)s)")
    add("--tasks", type=float, default=SPEED["tasks_per_vcpu"],
        help="at a time on a vCPU (default: %(default)s)")
    add("--per-task", type=float, default=SPEED["per_task"], help="images/s that a task gets out of "
        "a bucket (default: %(default)s)")
    add("--nodes", type=int, default=6, help="core nodes of 4 vCPU, the reference's 24 vCPU")
    add("--start-minutes", type=float, default=SPEED["start_minutes"]["ec2"],
        help="of a cluster without bootstrap actions (default: %(default)s)")
    add("--requests", type=float, default=1, help="reads of the bucket an image (default: 1)")
    add("--hadoop", action="store_true", help="Hadoop reads: three requests an image, one by one, by "
        "three tasks a vCPU (docs/spark.md)")
    arguments = parser.parse_args()
    if arguments.hadoop:
        arguments.requests, arguments.tasks, arguments.per_task = 3, 3, SPEED["per_hadoop_task"]
    print("| instance | images | hours | machines, € | requests, M | requests, € |")
    print("|---|---|---|---|---|---|")
    for kind in table()["instances"]:
        for images in SIZES:
            hours, machines, s3, reads = cost(kind, images, arguments)
            print(f"| {arguments.nodes} x {kind['name']} | {images:,} | {hours:,.2f} | "
                  f"{machines:,.2f} | {reads / 1e6:,.2f} | {s3:,.2f} |")


if __name__ == "__main__":
    main()
