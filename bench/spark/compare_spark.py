"""Times verger's Spark job beside the command and beside the reference's way, in one run.

    tools/setup bench-spark
    .deps/spark3/bin/python bench/spark/compare_spark.py build [--images FOLDER] [--rounds N] [--bucket]

With --bucket the images lie in one that answers after 20 ms, and the reference is left out. All on
local[2], turn about, so that what else the machine does hits all alike. Features
are compared before a time is printed; a table in Markdown comes out, no time is asserted.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import pyarrow.dataset

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
SHARED = ROOT.parent / "shared"
WEIGHTS = os.environ.get("VERGER_MODEL",
                         SHARED / "models/mobilenet_v2_1.0_224.safetensors")
K = 50
TOLERANCE = 1e-5  # relative L2 of the features


def environment(venv, build):
    home = next((ROOT / ".deps" / venv).glob("lib/python*/site-packages/pyspark"))
    return {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": str(ROOT / ".deps" / venv / "bin/python"),
            "PYTHONPATH": str(ROOT / "python"), "VERGER_LIBRARY": str(build / "libverger.so"),
            "VERGER_COMMAND": str(build / "verger"),
            "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


def timed(command, env):
    start = time.monotonic()
    done = subprocess.run([str(word) for word in command], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if " INFO " not in line]
        sys.exit(f"{command[0]} ended with {done.returncode}:\n" + "\n".join(said[-40:]))
    return time.monotonic() - start, done.stdout + done.stderr


def submit(venv, build, script, *arguments):
    env = environment(venv, build)
    command = [f"{env['SPARK_HOME']}/bin/spark-submit", "--master", "local[2]", "--driver-memory",
               "4g", "--conf", "spark.ui.enabled=false", script, *arguments]
    return timed(command, env)


class Ways:
    """The same images to the same tables, in three ways; each gives its seconds by step."""

    def __init__(self, build, images, pattern):
        self.build, self.images, self.pattern = build, images, pattern

    def command(self, output):
        whole, text = timed([self.build / "verger", "run", self.images, output, "--select",
                             self.pattern, "-k", K, "--model", WEIGHTS], os.environ)
        return {"whole": whole, **steps(text, r"verger: (\w+): .*? ([\d.]+) s")}

    def job(self, output):
        whole, text = submit("spark3", self.build, ROOT / "python/process_fruits_data.py",
                             self.images, output, "--select", self.pattern, "-k", K, "--model",
                             WEIGHTS)
        return {"whole": whole, **steps(text, r"verger: ([\w ]+): ([\d.]+) s")}

    def reference(self, output):
        whole, text = submit("reference", self.build, pathlib.Path(__file__).with_name(
            "reference_job.py"), self.images, output, self.pattern, K, WEIGHTS)
        return {"whole": whole, **steps(text, r"(\w+) ([\d.]+) s")}

    def start_up(self, output):
        """A Spark that does nothing but start two Pythons."""
        output.mkdir()
        script = output / "nothing.py"
        script.write_text(NOTHING)
        whole, _ = submit("spark3", self.build, script)
        return {"whole": whole}


NOTHING = """from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(0, 2, 1, 2).mapInArrow(lambda batches: batches, "id long").collect()
spark.stop()
"""


def steps(text, pattern):
    return {name: float(seconds) for name, seconds in re.findall(pattern, text)}


def features(output):
    (folder,) = [p for p in output.glob("features/parquet*") if p.is_dir()]
    parts = [str(p) for p in folder.rglob("part-*.parquet")]
    rows = pyarrow.dataset.dataset(parts).to_table()
    paths = [path.split("/Training/")[1] for path in rows["path"].to_pylist()]
    order = numpy.argsort(paths)
    return numpy.array(rows["features"].to_pylist(), numpy.float32)[order]


def check(name, ours, expected):
    difference = numpy.linalg.norm(ours - expected) / numpy.linalg.norm(expected)
    if difference > TOLERANCE:
        sys.exit(f"{name} computes other features: relative L2 {difference:.1e}")
    print(f"features of {name}: relative L2 {difference:.1e}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--images", type=pathlib.Path, default=ROOT / ".deps/fruits-360")
    parser.add_argument("--pattern", default="Training/Apple*/*.jpg")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], help="leave a way out")
    parser.add_argument("--bucket", action="store_true")
    arguments = parser.parse_args()
    with far_bucket(arguments) if arguments.bucket else contextlib.nullcontext(
            arguments.images.resolve()) as images:
        compare(arguments, Ways(arguments.build.resolve(), images, arguments.pattern))


@contextlib.contextmanager
def far_bucket(arguments):
    """Its address; the environment then leads there."""
    from store import fault_proxy, gateway

    arguments.without.append("reference")
    with tempfile.TemporaryDirectory() as folder, gateway.serving(pathlib.Path(folder)) as server:
        bucket = server.bucket("orchard")
        for image in arguments.images.resolve().glob(arguments.pattern):
            copy = bucket / image.relative_to(arguments.images.resolve())
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image, copy)
        with fault_proxy.serving(server.port) as proxy:
            proxy.latency = 0.02
            os.environ.update(gateway.environment(proxy.endpoint))
            yield "s3://orchard"


def compare(arguments, ways):
    names = [name for name in ("start_up", "command", "job", "reference")
             if name not in arguments.without]
    taken, expected = {name: [] for name in names}, None
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for name in names:
                output = pathlib.Path(folder) / name
                taken[name].append(getattr(ways, name)(output))
                if name == "command":
                    expected = features(output)
                elif name != "start_up" and len(taken[name]) == 1:
                    check(name, features(output), expected)
                shutil.rmtree(output)
    report(taken, len(expected))


def report(taken, images):
    medians = {name: {step: statistics.median(one.get(step, 0) for one in rounds)
                      for step in rounds[0]} for name, rounds in taken.items()}
    start = medians["start_up"]["whole"]
    command = medians["command"]["whole"]
    print(f"\n{images:,} images, two cores; Spark starts and stops in {start:.1f} s\n")
    print("| way | seconds | images/s | beside the command, start-up apart | steps |")
    print("|---|---|---|---|---|")
    for name, one in medians.items():
        if name == "start_up":
            continue
        whole = one.pop("whole")
        beyond = whole if name == "command" else whole - start
        listed = ", ".join(f"{step} {seconds:.1f}" for step, seconds in one.items())
        print(f"| {name} | {whole:.1f} | {images / whole:.1f} | {beyond / command:.2f} | "
              f"{listed} |")


if __name__ == "__main__":
    main()
