"""What a path costs besides the network, for trees of many sizes: a table in Markdown.

    .deps/venv/bin/python bench/scale.py BUILD [--paths N...] [--folder DIR] [--format LIST]
        [--bucket MILLISECONDS]

The command is verger_standin of a build with -DVERGER_TESTS=ON: verger with features drawn
from a hash of the file in place of the network (tests/scale). A million paths take 6 GB of
DIR (default: the folder for temporary files), which is given back in the end. With --bucket the
output is a bucket of versitygw, of which the updates are shown, through a proxy that holds back
every request for so long; 0 is without one.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "scale")]

from harness import make_tree, measure, tree_bytes  # noqa: E402
from store import fault_proxy, gateway  # noqa: E402

COMPONENTS = 10
NEW = 100  # images of an update


def commands(verger, images, output, formats):
    """Name and words of each step, in the order in which they need one another."""
    model = ["--model", "seeded:1", "-k", COMPONENTS]
    return {
        "metadata": [verger, "metadata", images, output],
        "plan": [verger, "run", images, output, *model, "--dry-run"],
        "run": [verger, "run", images, output, *model, "--format", formats],
        f"update, {NEW} new in a folder": [verger, "run", images, output, *model, "--format", formats,
                                           "--update"],
        f"update, {NEW} new all over": [verger, "run", images, output, *model, "--format", formats,
                                        "--update"],
        "pca": [verger, "pca", output, f"{output}/again", "-k", COMPONENTS, "--format", formats],
    }


def add_images(images, step):
    """What has come before an update."""
    folders = sorted(images.glob("*/*"))
    for i in range(NEW if step.startswith("update") else 0):
        folder = folders[len(folders) // 2 if "in a folder" in step else i * len(folders) // NEW]
        (folder / f"new {i} {step}.jpg").write_text(f"in place of a new image {i}, {step}\n")


def row(paths, name, cost, written):
    phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in cost.phases.items())
    return [f"{paths:,}", name, f"{cost.seconds:.1f}", f"{1e6 * cost.seconds / paths:.0f}",
            f"{1e6 * cost.cpu_seconds / paths:.0f}", f"{cost.peak_megabytes:.0f}",
            f"{cost.open_files}", f"{written / 1e6:,.0f}", phases]


def print_rows(verger, paths, folder, formats):
    output, before = folder / "out", 0
    images = make_tree(folder, paths)
    for name, words in commands(verger, images, output, formats).items():
        add_images(images, name)
        cost = measure(*words)
        after = tree_bytes(output)
        print(f"| {' | '.join(row(paths, name, cost, after - before))} |", flush=True)
        before = after


def print_bucket_rows(verger, paths, folder, formats, milliseconds):
    """The run asks the server itself, the updates by the proxy, of which none is needed for 0 ms."""
    (folder / "s3").mkdir()
    images, before = make_tree(folder, paths), 0
    with gateway.serving(folder / "s3") as server, fault_proxy.serving(server.port) as proxy:
        tables = server.bucket("tables")
        proxy.latency = milliseconds / 1000
        for name, words in commands(verger, images, "s3://tables/t", formats).items():
            is_held_back = name.startswith("update") and milliseconds > 0
            endpoint = proxy.endpoint if is_held_back else server.endpoint
            if name != "run" and not name.startswith("update"):
                continue
            add_images(images, name)
            cost = measure(*words, environment=gateway.environment(endpoint))
            after = tree_bytes(tables)
            print(f"| {' | '.join(row(paths, name, cost, after - before))} |", flush=True)
            before = after


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--paths", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--format", default="parquet", help="or parquet,csv")
    parser.add_argument("--bucket", type=float, metavar="MILLISECONDS")
    arguments = parser.parse_args()
    verger = arguments.build.resolve() / "verger_standin"
    if not verger.exists():
        sys.exit(f"scale: no {verger}: build with -DVERGER_TESTS=ON")
    print("| paths | step | seconds | µs a path | CPU µs a path | peak MB | open files "
          "| MB written | seconds of its phases |")
    print("|---|---|---|---|---|---|---|---|---|")
    for paths in arguments.paths:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            if arguments.bucket is None:
                print_rows(verger, paths, Path(folder), arguments.format)
            else:
                print_bucket_rows(verger, paths, Path(folder), arguments.format, arguments.bucket)


main()
