"""verger.neighbours and verger.Index against numpy in float64."""

import multiprocessing
import pickle
import threading

import numpy as np
import pandas
import pyarrow as pa
import pytest

import verger

METRICS = ["cosine", "l2"]


def rows_in_clusters(n, dims, seed=0):
    random = np.random.default_rng(seed)
    centres = 3 * random.normal(size=(12, dims))
    rows = centres[random.integers(0, 12, n)] + random.normal(size=(n, dims))
    rows[n // 2] = rows[0]
    return rows.astype(np.float32)


def nearest(rows, queries, k, metric, leaves_itself_out=False):
    rows, queries = rows.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        distances = 1 - queries @ rows.T
    else:
        distances = np.linalg.norm(queries[:, None] - rows[None], axis=2)
    if leaves_itself_out:
        np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances.round(12), axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n, dims", [(2, 1), (50, 3), (400, 50), (700, 300)])
def test_neighbours(n, dims, metric):
    rows = rows_in_clusters(n, dims)
    k = min(9, n - 1)
    indices, distances = verger.neighbours(rows, k, metric=metric)
    assert indices.dtype == np.int64 and distances.dtype == np.float64
    expected, exactly = nearest(rows, rows, k, metric, leaves_itself_out=True)
    if dims > 1:  # along a line all angles are 0 or 2
        assert (indices == expected).all()
    assert distances == pytest.approx(exactly, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("sketch", [True, False])
@pytest.mark.parametrize("n, dims", [(60, 8), (900, 300)])
def test_index(n, dims, metric, sketch):
    rows, queries = rows_in_clusters(n, dims), rows_in_clusters(40, dims, seed=0) + 0.5
    with verger.Index(rows, metric=metric, sketch=sketch) as index:
        assert len(index) == n and index.dims == dims
        indices, distances = index.search(queries, 10)
        expected, exactly = nearest(rows, queries, 10, metric)
        assert (indices == expected).all() and distances == pytest.approx(exactly, abs=1e-9)
        one, its_distances = index.search(queries[7], 10)
        assert one.tobytes() == indices[7].tobytes()
        assert its_distances.tobytes() == distances[7].tobytes()
        allowed = np.arange(n) % 2 == 0
        some, _ = index.search(queries, 5, allowed=allowed)
        assert (some == 2 * nearest(rows[::2], queries, 5, metric)[0]).all()
    with pytest.raises(ValueError, match="the index is closed"):
        index.search(queries)


def test_rows_are_not_copied_where_they_need_not_be():
    rows = rows_in_clusters(300, 40)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 40)
    table = pa.table({"path": [str(i) for i in range(300)], "features": lists})
    flat = table["features"].chunk(0).flatten().to_numpy()
    for given, values in ((rows, rows), (table, flat)):
        assert np.shares_memory(verger.Index(given)._rows, values)
    assert not np.shares_memory(verger.Index(rows[:, :20])._rows, rows)


def test_the_same_bits_on_any_threads_and_kernels():
    rows = rows_in_clusters(1500, 60)
    answers = {b"".join(part.tobytes() for part in verger.neighbours(rows, threads=threads,
                                                                    kernels=kernels))
               for threads in (1, 2, 3) for kernels in verger.kernel_sets()[-2:]}
    assert len(answers) == 1


def test_other_forms_of_rows():
    rows = rows_in_clusters(30, 6)
    expected = verger.neighbours(rows, 3)[0]
    table = pa.table({"path": [str(i) for i in range(30)], "label": ["x"] * 30,
                      "features": pa.array(list(rows), pa.list_(pa.float32()))})
    for form in (rows.astype(np.float64), rows.tolist(), np.asfortranarray(rows), table,
                 table.to_pandas(), pandas.DataFrame(rows)):
        assert (verger.neighbours(form, 3)[0] == expected).all()
    for form in (table, table.to_pandas(), pandas.DataFrame(rows)):
        found = verger.Index(form).search(form, 3)[0]
        assert (found[:, 1:] == expected[:, :2]).mean() > 0.9


@pytest.mark.parametrize("rows, options, error, message", [
    (np.zeros((3, 2)), {"k": 3}, verger.VergerError, "3 neighbours of 3 rows"),
    (np.zeros((3, 2)), {"k": 0}, ValueError, "k is 0"),
    (np.zeros(3), {"k": 1}, ValueError, "a matrix of numbers"),
    (np.array([["a", "b"]]), {"k": 1}, ValueError, "a matrix of numbers"),
    (np.array([[1, np.nan], [0, 1]]), {"k": 1}, verger.VergerError, "row 0: value 1"),
    (np.zeros((3, 2)), {"k": 1, "metric": "l1"}, ValueError, "cosine and l2"),
    (np.zeros((3, 2)), {"k": 1, "threads": 0}, ValueError, "threads is 0"),
    (np.zeros((3, 2)), {"k": 1, "kernels": "abacus"}, verger.VergerError, "abacus"),
    (pa.table({"features": pa.array([[1.0], None], pa.list_(pa.float32()))}), {"k": 1}, ValueError,
     "1 rows have no features"),
    (pa.table({"features": [[1.0], [1.0, 2.0], [1.0]]}), {"k": 1}, ValueError, "several lengths"),
    (pa.table({"rows": [[1.0], [2.0]]}), {"k": 1}, ValueError, "no column features, but rows"),
])
def test_what_is_refused(rows, options, error, message):
    with pytest.raises(error, match=message):
        verger.neighbours(rows, **options)


def test_queries_that_do_not_fit():
    index = verger.Index(rows_in_clusters(20, 4))
    with pytest.raises(ValueError, match="queries of 3 numbers among rows of 4"):
        index.search(np.zeros((1, 3)))
    with pytest.raises(verger.VergerError, match="the 21 nearest of 20 rows"):
        index.search(np.zeros((1, 4)), 21)
    with pytest.raises(ValueError, match="a bool for each of 20 rows"):
        index.search(np.zeros((1, 4)), allowed=[True])


def test_progress_is_told_and_may_stop():
    rows, shares = rows_in_clusters(3000, 4), []
    verger.neighbours(rows, 1, threads=1, progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verger.neighbours(rows, 1, progress=stop)


def test_an_index_is_shared_pickled_and_forked():
    rows = rows_in_clusters(500, 20)
    index = verger.Index(rows, threads=2)
    expected = index.search(rows, 4)[0]
    answers = [None] * 4

    def ask(i):
        answers[i] = index.search(rows, 4)[0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((answer == expected).all() for answer in answers)
    assert (pickle.loads(pickle.dumps(index)).search(rows, 4)[0] == expected).all()
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    child = fork.Process(target=lambda: queue.put((index.search(rows, 4)[0] == expected).all()))
    child.start()
    assert queue.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    assert (index.search(rows, 4)[0] == expected).all()
    assert "500 rows of 20" in repr(index)
