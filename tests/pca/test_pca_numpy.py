"""Moments and PCA of libverger.so against numpy and against the reference run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from library import Fault, Moments, Pca, VG_EFORMAT

MINI = Path(__file__).resolve().parents[3] / "shared" / "reference" / "mini"


def rows_of(seed, n, dims):
    """Correlated rows, like features: not negative, of very different variances."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, dims)) @ (rng.normal(size=(dims, dims)) / np.sqrt(dims))
    return np.maximum(mixed * rng.exponential(size=dims), 0).astype(np.float32)


def relative(scatter, expected):
    """Largest difference of two scatter matrices, each entry in units of its variances."""
    deviations = np.sqrt(np.diag(expected))
    return np.max(np.abs(scatter - expected) / np.outer(deviations, deviations))


@pytest.mark.parametrize("n, dims", [(2, 3), (100, 7), (1000, 64), (700, 1280)])
def test_moments_are_those_of_numpy(n, dims):
    rows = rows_of(n, n, dims)
    moments = Moments.of(rows)
    mean, scatter = moments.mean_and_scatter()
    assert moments.count() == n
    np.testing.assert_allclose(mean, rows.mean(axis=0, dtype=np.float64), rtol=1e-12, atol=1e-15)
    expected = np.cov(rows.astype(np.float64), rowvar=False) * (n - 1)
    live = np.diag(expected) > 0
    assert relative(scatter[live][:, live], expected[live][:, live]) < 1e-11
    assert not scatter[~live].any()


@pytest.mark.parametrize("parts", [1, 7, 1000])
def test_a_large_mean_costs_no_digits(parts):
    rng = np.random.default_rng(parts)
    rows = (1e4 + 0.1 * rng.normal(size=(200_000, 3))).astype(np.float32)
    total = Moments(3)
    for part in np.array_split(rows, parts):
        total.merge(Moments.of(part))
    distance = rows.astype(np.float64) - 1e4
    expected = np.cov(distance, rowvar=False)
    mean, scatter = total.mean_and_scatter()
    assert relative(scatter / (len(rows) - 1), expected) < 1e-9
    np.testing.assert_allclose(mean, 1e4 + distance.mean(axis=0), rtol=1e-14)


def test_every_order_and_partition_agrees():
    rows = rows_of(5, 3000, 40)
    rng = np.random.default_rng(5)
    whole = Moments.of(rows)
    mean, scatter = whole.mean_and_scatter()
    explained = Pca(whole, 10).explained
    for _ in range(20):
        cuts = np.sort(rng.integers(0, len(rows), size=rng.integers(1, 30)))
        parts = [Moments.of(part) for part in np.split(rows, cuts)]
        while len(parts) > 1:  # any tree of merges
            one, other = rng.choice(len(parts), size=2, replace=False)
            parts[one].merge(parts[other])
            del parts[other]
        other_mean, other_scatter = parts[0].mean_and_scatter()
        assert parts[0].count() == len(rows)
        np.testing.assert_allclose(other_mean, mean, rtol=1e-9)
        assert relative(other_scatter, scatter) < 1e-9
        np.testing.assert_allclose(Pca(parts[0], 10).explained, explained, rtol=1e-9)


def test_copies_over_bytes():
    rows = rows_of(6, 600, 1280)
    moments = Moments.of(rows)
    copy = Moments.from_bytes(moments.to_bytes())
    assert copy.to_bytes() == moments.to_bytes()
    data = bytearray(moments.to_bytes())
    for position in np.random.default_rng(6).integers(0, len(data), size=20):
        data[position] ^= 1
        with pytest.raises(Fault) as fault:
            Moments.from_bytes(bytes(data))
        assert fault.value.status == VG_EFORMAT
        data[position] ^= 1


@pytest.mark.parametrize("n, dims, k", [(50, 3, 3), (500, 40, 40), (300, 200, 50), (900, 1280, 60)])
def test_components_are_those_of_numpy(n, dims, k):
    rows = rows_of(n + dims, n, dims)
    pca = Pca(Moments.of(rows), k)
    values, vectors = np.linalg.eigh(np.cov(rows.astype(np.float64), rowvar=False))
    values, vectors = values[::-1][:k], vectors.T[::-1][:k]
    np.testing.assert_allclose(pca.explained, values / np.var(rows.astype(np.float64), axis=0,
                                                              ddof=1).sum(), atol=1e-13)
    signs = np.sign(vectors[np.arange(k), np.abs(vectors).argmax(axis=1)])
    np.testing.assert_allclose(pca.matrix, vectors * signs[:, None], atol=1e-8)
    assert np.abs(pca.matrix @ pca.matrix.T - np.eye(k)).max() < 1e-11
    expected = rows.astype(np.float64) @ pca.matrix.T
    np.testing.assert_allclose(pca.project(rows), expected, rtol=1e-12,
                               atol=1e-12 * np.abs(expected).max())


def test_all_components_explain_all():
    pca = Pca(Moments.of(rows_of(9, 2000, 1280)), 1280)
    assert abs(pca.explained.sum() - 1) < 1e-12
    assert np.abs(pca.matrix @ pca.matrix.T - np.eye(1280)).max() < 1e-10


PROJECT = """
import hashlib, numpy, sys
from library import Moments, Pca
rows = numpy.random.default_rng(1).random((400, 300), dtype=numpy.float32)
pca = Pca(Moments.of(rows), 20)
print(repr(pca.explained.tolist()))
print(hashlib.sha256(pca.project(rows).tobytes()).hexdigest(),
      hashlib.sha256(pca.matrix.tobytes()).hexdigest())
"""


def test_threads_of_blas_do_not_show():
    """The variance agrees to 1e-9; equal components project to equal bits."""
    shares, digests = [], {}
    for threads in ("1", "2", "3"):
        done = subprocess.run([sys.executable, "-c", PROJECT], cwd=Path(__file__).parent, text=True,
                              capture_output=True, check=True,
                              env={**os.environ, "OPENBLAS_NUM_THREADS": threads})
        explained, hashes = done.stdout.splitlines()
        projected, matrix = hashes.split()
        shares.append(json.loads(explained))
        assert digests.setdefault(matrix, projected) == projected
    np.testing.assert_allclose(shares[1], shares[0], rtol=1e-9)
    np.testing.assert_allclose(shares[2], shares[0], rtol=1e-9)


def test_rows_one_by_one_are_as_fast_as_all_at_once():
    """Rows are gathered in blocks: without, each would cost a pass over the matrix."""
    rows = rows_of(10, 1000, 1280)

    def seconds(batches):
        start = time.perf_counter()
        Moments.of(*batches).to_bytes()
        return time.perf_counter() - start

    at_once = min(seconds([rows]) for _ in range(3))
    one_by_one = min(seconds(np.split(rows, len(rows))) for _ in range(3))
    assert one_by_one < 3 * at_once


# --- The reference run -------------------------------------------------------

@pytest.fixture(scope="module")
def mini():
    if not MINI.is_dir():
        pytest.skip(f"no {MINI}: the reference run is not here")
    table = pyarrow.parquet.read_table(MINI / "features.snappy.parquet")
    features = np.stack(table["features"].to_numpy(zero_copy_only=False)).astype(np.float32)
    return table["path"].to_pylist(), features, Pca(Moments.of(features), 50)


def test_mini_variance(mini):
    _, _, pca = mini
    info = json.loads((MINI / "model_info.json").read_text())
    np.testing.assert_allclose(pca.explained, info["variance_by_component"], rtol=0, atol=1e-6)
    assert abs(pca.explained.sum() - info["total_variance_explained"]) <= 1e-6
    written = pyarrow.csv.read_csv(MINI / "variance.csv")
    np.testing.assert_allclose(pca.explained, written["variance_explained"].to_numpy(), atol=1e-6)


def test_mini_rows(mini):
    paths, features, pca = mini
    written = pyarrow.csv.read_csv(MINI / "pca.csv")
    expected = {path: np.array(text.split(","), dtype=float) for path, text in
                zip(written["path"].to_pylist(), written["pca_features_string"].to_pylist())}
    expected = np.stack([expected[path] for path in paths])
    ours = pca.project(features)
    ours *= np.sign(np.sum(ours * expected, axis=0))  # up to the sign of a component
    assert np.linalg.norm(ours - expected) <= 1e-4 * np.linalg.norm(expected)
