"""Objects that threads share, that are closed, that find themselves in a forked process, and
that travel to another."""

import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading

import pyarrow as pa
import pytest
from conftest import ROOT

import verger

MODEL = "seeded:7"
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def few(paths):
    return paths[:8]


@pytest.fixture(scope="module")
def expected(few):
    with verger.Extractor(MODEL, threads=1) as extractor:
        return extractor.extract(few)


def rows_of(count, dims=40):
    return pa.table({"features": pa.array([[float(i * j % 97) for j in range(dims)]
                                           for i in range(count)], pa.list_(pa.float32()))})


# --- After close -------------------------------------------------------------------------


def stream_that_goes_on(extractor, rows):
    stream = extractor.extract_batches(rows.to_batches(max_chunksize=1) * 20)
    next(stream)
    extractor.close()
    return lambda: list(stream)


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 2}, {"team": 2, "threads": 1}],
                         ids=["one thread", "two threads", "a team"])
def test_a_closed_extractor_raises(options, few):
    rows = pa.table({"path": ["a"], "label": ["b"], "content": [few[0].read_bytes()]})
    extractor = verger.Extractor(MODEL, **options)
    uses = [lambda: extractor.extract(few), lambda: extractor.extract_batches(rows.to_batches()),
            extractor.times, extractor.__enter__, lambda: pickle.dumps(extractor)]
    go_on = stream_that_goes_on(extractor, rows)
    assert extractor.closed and "closed" in repr(extractor)
    for use in [*uses, go_on]:
        with pytest.raises(ValueError, match="closed"):
            use()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_closed_under_its_extractor_raises(threads, few):
    model = verger.Model(MODEL)
    extractor = verger.Extractor(model, threads=threads)
    model.close()
    for use in [lambda: extractor.extract(few), lambda: verger.Extractor(model),
                lambda: model.kernels, lambda: model.save_packed("/nowhere"),
                lambda: pickle.dumps(model), model.__enter__]:
        with pytest.raises(ValueError, match="the model is closed"):
            use()
    assert "closed" in repr(model)
    extractor.close()


def test_closed_moments_and_pca_raise():
    rows = rows_of(9)
    moments = verger.Moments(40).add(rows)
    pca = verger.pca.fit(moments, 2)
    projection = pca.project_batches(rows.to_batches())
    moments.close()
    pca.close()
    for use in [lambda: moments.add(rows), lambda: moments.merge(verger.Moments(40)),
                lambda: verger.Moments(40).merge(moments), lambda: moments.count,
                lambda: moments.dims, lambda: moments.mean, lambda: bytes(moments),
                lambda: verger.pca.fit(moments, 2), lambda: pca.k, lambda: pca.dims,
                lambda: pca.components, lambda: pca.explained_variance,
                lambda: pca.project(rows), lambda: list(projection), lambda: pickle.dumps(pca)]:
        with pytest.raises(ValueError, match="closed"):
            use()
    assert "closed" in repr(moments) and "closed" in repr(pca)


def test_a_stream_outlives_the_name_of_its_extractor(few, expected):
    rows = pa.table({"path": list(map(str, few)), "label": [p.parent.name for p in few],
                     "content": [p.read_bytes() for p in few]})
    stream = verger.Extractor(MODEL, threads=2).extract_batches(rows.to_batches(max_chunksize=2))
    assert pa.Table.from_batches(stream).equals(expected)


# --- Threads -----------------------------------------------------------------------------


def in_threads(count, work):
    """Runs work(number) in threads at once; what each of them raised, or None."""
    raised = [None] * count
    ready = threading.Barrier(count)

    def run(number):
        ready.wait()
        try:
            work(number)
        except Exception as error:
            raised[number] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return raised


def test_threads_add_to_the_same_moments():
    moments, rows = verger.Moments(40), rows_of(50)
    assert in_threads(6, lambda _: [moments.add(rows) for _ in range(100)]) == [None] * 6
    assert moments.count == 6 * 100 * 50


def test_threads_merge_crosswise():
    one, other = verger.Moments(40).add(rows_of(3)), verger.Moments(40).add(rows_of(3))
    pairs = [(one, other), (other, one)]

    def merge(number):
        mine, theirs = pairs[number % 2]
        for _ in range(5):
            mine.merge(theirs)

    assert in_threads(2, merge) == [None, None]
    assert one.count + other.count > 6


def test_moments_merge_with_themselves():
    moments = verger.Moments(40).add(rows_of(300))
    twice = verger.Moments(40).add(rows_of(300)).merge(verger.Moments.from_bytes(bytes(moments)))
    assert bytes(moments.merge(moments)) == bytes(twice)


def test_moments_close_beside_add():
    moments, rows = verger.Moments(40), rows_of(2000)

    def work(number):
        if number == 0:
            moments.close()
        else:
            for _ in range(50):
                moments.add(rows)

    for error in in_threads(4, work):
        assert error is None or (isinstance(error, ValueError) and "closed" in str(error))


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_share_an_extractor(threads, few, expected):
    with verger.Extractor(MODEL, threads=threads) as extractor:
        def work(_):
            assert extractor.extract(few).equals(expected)

        assert in_threads(4, work) == [None] * 4


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 2}, {"team": 2, "threads": 1}])
def test_close_beside_extract_ends_it(options, few):
    for _ in range(3):
        extractor = verger.Extractor(MODEL, **options)
        started = threading.Event()

        def work(number):
            if number == 0:
                started.wait(30)
                extractor.close()
                return
            batch = pa.record_batch({"path": ["a"], "label": ["b"],
                                     "content": [few[0].read_bytes()]})
            for _ in extractor.extract_batches(batch for _ in range(10000)):
                started.set()

        closer, *others = in_threads(3, work)
        assert closer is None
        assert all(isinstance(error, ValueError) and "closed" in str(error) for error in others)


def test_threads_project_at_once():
    rows = rows_of(500)
    pca = verger.pca.fit(rows, 3)
    rows = rows.append_column("path", pa.array(["a"] * 500)).append_column(
        "label", pa.array(["b"] * 500))
    expected = pca.project(rows)

    def work(_):
        assert pca.project(rows).equals(expected)

    assert in_threads(4, work) == [None] * 4


# --- Fork ------------------------------------------------------------------------------


def in_child(work):
    """What work() returns in a forked process, which must end within a minute."""
    mine, theirs = FORK.Pipe(duplex=False)

    def run():
        try:
            theirs.send(work())
        except Exception as error:
            theirs.send(error)

    child = FORK.Process(target=run)
    child.start()
    theirs.close()
    try:
        assert mine.poll(60), "the child hangs"
        return mine.recv()
    finally:
        child.join(10)
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
        assert not child.is_alive() and child.exitcode == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 2}, {"team": 2, "threads": 1}])
def test_an_extractor_works_after_a_fork(options, used, few, expected):
    with verger.Extractor(MODEL, **options) as extractor:
        if used:
            extractor.extract(few)

        def work():
            twice = extractor.extract(few), extractor.extract(few)
            extractor.close()
            return [table.to_pylist() for table in twice]

        assert in_child(work) == [expected.to_pylist()] * 2
        assert extractor.extract(few).equals(expected)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_extraction_does_not_go_on_after_a_fork(few):
    rows = pa.record_batch({"path": ["a"], "label": ["b"], "content": [few[0].read_bytes()]})
    with verger.Extractor(MODEL, threads=2) as extractor:
        stream = extractor.extract_batches(rows for _ in range(100))
        next(stream)
        raised = in_child(lambda: list(stream))
        assert isinstance(raised, ValueError) and "fork" in str(raised)
        assert len(list(stream)) == 99


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_moments_and_pca_after_a_fork():
    moments = verger.Moments(40).add(rows_of(30))
    pca = verger.pca.fit(moments, 3)
    assert in_child(lambda: (bytes(moments), pca.components)) == (bytes(moments), pca.components)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_moments_that_were_changing_at_the_fork_raise():
    moments = verger.Moments(40)
    with moments._lock:  # as a thread in `add` holds it
        raised = in_child(lambda: moments.count)
    assert isinstance(raised, ValueError) and "forked" in str(raised)
    assert moments.count == 0


# --- Pickles ---------------------------------------------------------------------------


def test_extractors_and_models_travel(few, expected, tmp_path):
    verger.Model(MODEL).save_packed(tmp_path / "weights")
    for model in [MODEL, tmp_path / "weights"]:
        with verger.Extractor(model, threads=2, team=1, max_pixels=10**6) as extractor:
            there = pickle.loads(pickle.dumps(extractor))
            assert there.extract(few).equals(expected)
            assert there.threads == 2 and repr(there) == repr(extractor)
            assert copy.copy(extractor.model).kernels == extractor.model.kernels


def test_a_pickled_model_is_the_same_or_refused(tmp_path):
    weights = tmp_path / "weights"
    verger.Model(MODEL).save_packed(weights)
    pickled = pickle.dumps(verger.Model(weights))
    verger.Model("seeded:8").save_packed(weights)
    with pytest.raises(ValueError, match="other weights"):
        pickle.loads(pickled)


# --- Arguments -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    {"max_pixels": -1}, {"max_pixels": 0}, {"max_pixels": 2**64}, {"threads": 0}, {"threads": 2**32 + 1},
    {"team": 0}, {"team": 2**32 + 1}, {"kernels": "avx2\0x"}])
def test_numbers_and_text_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        verger.Extractor(MODEL, **options)


@pytest.mark.parametrize("use", [
    lambda: verger.Moments(2**32 + 40), lambda: verger.Moments(0), lambda: verger.Moments(-1),
    lambda: verger.pca.fit(rows_of(5), 2**32 + 2), lambda: verger.pca.fit(rows_of(5), 0),
    lambda: verger.Model("seeded:7\0"), lambda: verger.Model(MODEL).save_packed("a\0b"),
    lambda: verger.PCA([], [])])
def test_other_ranges(use):
    with pytest.raises(ValueError, match="NUL|possible"):
        use()


@pytest.mark.parametrize("use", [
    lambda: verger.Moments(40).merge(verger.pca.fit(rows_of(5), 2)),
    lambda: verger.Moments(40).merge(None), lambda: verger.Moments.from_bytes(40),
    lambda: verger.Moments(1.5), lambda: verger.pca.fit(rows_of(5), 2.0),
    lambda: verger.Extractor(verger.Moments(40)), lambda: verger.Extractor(MODEL, threads="2"),
    lambda: verger.Extractor(MODEL, kernels=2)])
def test_types(use):
    with pytest.raises(TypeError):
        use()


def test_reprs():
    moments = verger.Moments(40).add(rows_of(5))
    assert repr(moments) == "<verger.Moments, 5 rows of 40>"
    assert "2 components of 40" in repr(verger.pca.fit(moments, 2))
    with verger.Extractor(MODEL, threads=1) as extractor:
        assert "seeded:7" in repr(extractor) and "threads=1" in repr(extractor)


def test_an_end_with_a_running_thread_is_quiet(few):
    """The interpreter ends while a daemon's extraction is under way."""
    code = f"""
import threading, verger
extractor = verger.Extractor({MODEL!r}, threads=2)
def work():
    while True:
        extractor.extract([{str(few[0])!r}] * 40)
threading.Thread(target=work, daemon=True).start()
extractor.extract([{str(few[0])!r}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "python")})
    assert done.returncode == 0, done.stderr
