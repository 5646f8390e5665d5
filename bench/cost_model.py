"""What a run costs on a cluster, on paper: hours, requests and euros from measured speed.

    bench/cost_model.py [--per-vcpu IMAGES_PER_SECOND] [--overhead 1.17] ...

Prices are data (prices.json beside this file), each with its source and date: look them up
again before relying on them. Speed is that of this project's own measurements.
"""

import argparse
import json
import pathlib

PRICES = json.loads(pathlib.Path(__file__).with_name("prices.json").read_text())
SIZES = (67_692, 1_000_000, 100_000_000)
FEATURE_PART_ROWS = 4096


def requests(images, per_image):
    """(reads, writes): what a run asks of a bucket. A part of each of seven tables and of the
    staging table is a PUT, is read back once or twice, and commits list a few times."""
    parts = -(-images // FEATURE_PART_ROWS)
    return images * per_image + parts * 4, parts * 8 + images // 1000


def cost(kind, images, arguments):
    vcpus = arguments.nodes * kind["vcpus"]
    speed = vcpus * arguments.per_vcpu * kind["peak"] / arguments.peak / arguments.overhead
    hours = images / speed / 3600 + arguments.start_minutes / 60
    machines = arguments.nodes + 1  # one for YARN and the driver
    per_hour = machines * (kind["ec2"] + kind["emr"])
    reads, writes = requests(images, arguments.requests)
    s3 = reads / 1000 * PRICES["s3"]["get"] + writes / 1000 * PRICES["s3"]["put"]
    return hours, per_hour * hours * PRICES["eur_per_usd"], s3 * PRICES["eur_per_usd"], reads


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--per-vcpu", type=float, default=96, help="measured images/s of a CPU, whole job "
        "(default: %(default)s)")
    add("--peak", type=float, default=99.4, help="GFLOP/s of that CPU, as `verger bench` says "
        "(default: %(default)s)")
    add("--overhead", type=float, default=1.17, help="of Spark over the command, for each image")
    add("--nodes", type=int, default=6, help="core nodes of 4 vCPU, the reference's 24 vCPU")
    add("--start-minutes", type=float, default=6, help="of a cluster without bootstrap actions")
    add("--requests", type=float, default=3, help="reads of the bucket an image")
    arguments = parser.parse_args()
    print("| instance | images | hours | machines, € | requests, M | requests, € |")
    print("|---|---|---|---|---|---|")
    for kind in PRICES["instances"]:
        for images in SIZES:
            hours, machines, s3, reads = cost(kind, images, arguments)
            print(f"| {arguments.nodes} x {kind['name']} | {images:,} | {hours:,.2f} | "
                  f"{machines:,.2f} | {reads / 1e6:,.2f} | {s3:,.2f} |")


if __name__ == "__main__":
    main()
