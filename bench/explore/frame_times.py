#!/usr/bin/env python3
"""Times frames of the report's map in headless Chromium, by numbers of images.

The rows are drawn; the page has no thumbnails. A frame is what the map does for it on the page's
own thread, from places to pixels: with a view that moves, in two dimensions and in three. Prints a
table in Markdown; asserts no time. For .deps/browser/bin/python.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench" / "peers")]

from machine import cpu_name  # noqa: E402

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FRAMES = """(frames) => {
  const { map } = vergerReport, times = [];
  for (let i = 0; i < frames; i++) {
    if (map.turns) map.yaw = 0.01 * i;
    map.pan(i % 2 ? 3 : -3, 1);
    const start = performance.now();
    map.drawNow();
    times.push(performance.now() - start);
  }
  return times;
}"""


def make_page(build, folder, count):
    random = np.random.default_rng(0)
    labels = np.sort(random.integers(0, 226, count))
    centres = random.normal(size=(226, 10)) * 3
    rows = (centres[labels] + random.normal(size=(count, 10))).astype(np.float64)
    target = folder / "out" / "pca" / "parquet" / "pca_20250101_000000"
    target.mkdir(parents=True)
    offsets = np.arange(0, rows.size + 1, 10, dtype=np.int32)
    table = pyarrow.table({
        "path": [f"/images/class {label:03}/{i:07}.jpg" for i, label in enumerate(labels)],
        "label": [f"class {label:03}" for label in labels],
        "pca_features": pyarrow.ListArray.from_arrays(offsets, rows.ravel())})
    pyarrow.parquet.write_table(table, target / "part-00000.parquet")
    (target / "_SUCCESS").touch()
    page = folder / "page.html"
    subprocess.run([build / "verger", "report", folder / "out", "-o", page, "--thumbnails", "none",
                    "--quiet"], check=True)
    return page


def measure(browser, path, frames):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri())
    page.locator("html[data-ready]").wait_for(state="attached", timeout=120000)
    flat = page.evaluate(FRAMES, frames)
    page.locator("#axis-z").select_option("2")
    turned = page.evaluate(FRAMES, frames)
    page.close()
    return flat, turned


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("--images", type=int, nargs="+", default=[67692, 200000, 500000])
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    print(f"{date.today():%d %B %Y}, {cpu_name()}, Chromium without a GPU, 1280 x 800:\n\n"
          "| images | page, MB | frame, ms: median | 95 % | turning: median | 95 % |\n"
          "|---:|---:|---:|---:|---:|---:|")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for count in options.images:
            page = make_page(options.build.resolve(), Path(folder) / str(count), count)
            figures = [f"{np.quantile(times, share):.1f}"
                       for times in measure(browser, page, options.frames) for share in (0.5, 0.95)]
            print(f"| {count} | {page.stat().st_size / 1e6:.1f} | {' | '.join(figures)} |",
                  flush=True)
        browser.close()


main()
