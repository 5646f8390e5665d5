"""The Python package: what it gives is what the command gives."""

import glob
import os
import pickle
import subprocess
import sys

import numpy
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import BUILD, ROOT
from pictures import CUT_IMAGE, encoded, photograph

import verger

MODEL = "seeded:7"


@pytest.fixture(scope="module")
def extractor():
    with verger.Extractor(MODEL, threads=2) as extractor:
        yield extractor


@pytest.fixture(scope="module")
def extracted(extractor, paths):
    return extractor.extract(paths)


@pytest.fixture(scope="module")
def command_output(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("command")
    command = [BUILD / "verger", "run", fruits, output, "-k", "5", "--model", MODEL, "--quiet"]
    assert subprocess.run(command, timeout=120).returncode == 3
    return output


def read(output, table):
    (folder,) = glob.glob(f"{output}/{table}/parquet/{table}_*")
    return pyarrow.parquet.read_table(folder)


def good(table):
    return table.filter(table["error"].is_null())


def test_features_are_the_commands(extracted, command_output):
    theirs = read(command_output, "features").select(["path", "label", "features"])
    ours = good(extracted).drop_columns("error").sort_by("path")
    assert ours.schema == theirs.schema.remove_metadata()
    assert ours.equals(theirs.sort_by("path"))


def test_an_image_that_fails_is_a_row(extracted):
    (row,) = [row for row in extracted.to_pylist() if row["error"]]
    assert row["path"].endswith(CUT_IMAGE)
    assert row["label"] == "Apple 2"
    assert row["features"] is None


def test_tables_batches_and_paths_give_the_same(extractor, paths, extracted):
    rows = pa.table({"content": [p.read_bytes() for p in paths],
                     "path": [str(p) for p in paths],
                     "label": [p.parent.name for p in paths]})
    assert extractor.extract(rows).equals(extracted)
    assert extractor.extract(rows.combine_chunks().to_batches()[0]).equals(extracted)
    stream = extractor.extract_batches(iter(rows.to_batches(max_chunksize=7)))
    assert pa.Table.from_batches(stream).equals(extracted)


def test_what_speaks_arrow_is_taken(extractor, paths, extracted):
    class Foreign:
        schema = None

        def __arrow_c_stream__(self, requested=None):
            rows = pa.table({"path": [str(p) for p in paths],
                             "label": [p.parent.name for p in paths],
                             "content": [p.read_bytes() for p in paths]})
            return rows.__arrow_c_stream__(requested)

    assert extractor.extract(Foreign()).equals(extracted)


def test_threads_and_kernels_do_not_show(paths, extracted):
    for kernels in verger.kernel_sets():
        with verger.Extractor(MODEL, threads=1, kernels=kernels) as one:
            assert one.model.kernels == kernels
            assert one.extract(paths[:3]).equals(extracted.slice(0, 3))


def test_a_team_does_not_show(paths, extracted):
    with verger.Extractor(MODEL, team=2) as together:
        assert together.extract(paths[:3]).equals(extracted.slice(0, 3))
    with pytest.raises(ValueError, match="team is 0"):
        verger.Extractor(MODEL, team=0)


def test_no_images(extractor):
    assert extractor.extract([]).equals(verger.FEATURES.empty_table())


def test_times(extractor, extracted):
    times = extractor.times()
    assert times.network > times.resize > 0 and times.decode > 0


def test_limits(paths):
    with verger.Extractor(MODEL, threads=1, max_pixels=99 * 100) as small:
        (error,) = small.extract(paths[:1])["error"].to_pylist()
    assert "100 x 100" in error


def test_moments_and_components_are_the_commands(extracted, command_output):
    moments = verger.Moments().add(extracted)
    assert (moments.dims, moments.count) == (1280, 89)
    pca = verger.pca.fit(moments, 5)
    theirs = read(command_output, "pca").sort_by("path")
    ours = pca.project(good(extracted).sort_by("path"))
    assert ours["path"].equals(theirs["path"])
    numpy.testing.assert_allclose(ours["pca_features"].to_pylist(),
                                  theirs["pca_features"].to_pylist(), rtol=1e-9, atol=1e-9)


def test_fit_takes_tables(extracted):
    of_table = verger.pca.fit(extracted, 4)
    of_moments = verger.pca.fit(verger.Moments().add(extracted), 4)
    assert of_table.components == of_moments.components
    assert (of_table.k, of_table.dims) == (4, 1280)
    with pytest.warns(UserWarning, match="100 components of 89 rows: at most 88 explain anything"):
        assert not any(verger.pca.fit(extracted, 100).explained_variance[88:])


def test_threads_leave_no_trace_in_moments():
    rows = numpy.random.default_rng(8).random((700, 300), numpy.float32)
    one, three = (verger.Moments(300, threads=threads).add(rows) for threads in (1, 3))
    assert bytes(one) == bytes(three)
    assert (verger.pca.fit(rows, 3, threads=3).explained_variance
            == verger.pca.fit(one, 3).explained_variance)
    with pytest.raises(ValueError, match="threads is 0: from 1 to 1024 are possible"):
        verger.pca.fit(rows, 3, threads=0)


def test_threads_leave_no_trace_in_projections():
    rows = numpy.random.default_rng(9).random((2500, 40), numpy.float32)
    pca = verger.pca.fit(rows, 7)
    one = pca.project(rows, threads=1)
    assert (pca.project(rows, threads=3) == one).all()
    table = pca.project(pa.table({"features": list(rows)}))
    assert (numpy.stack(table["pca_features"].to_numpy()) == one).all()
    numpy.testing.assert_allclose(one, rows @ numpy.array(pca.components).T, rtol=1e-9,
                                  atol=1e-12)
    with pytest.raises(ValueError, match="the array has 39 columns, the PCA is of 40"):
        pca.project(rows[:, :39])


def test_moments_merge(extracted):
    whole = verger.pca.fit(extracted, 3).explained_variance
    parts = [verger.Moments().add(extracted.slice(start, 20)) for start in range(0, 90, 20)]
    merged = parts[0]
    for part in parts[1:]:
        merged.merge(part)
    assert merged.count == 89
    numpy.testing.assert_allclose(verger.pca.fit(merged, 3).explained_variance, whole, rtol=1e-9)


def test_moments_and_components_travel(extracted):
    moments = verger.Moments().add(extracted)
    again = pickle.loads(pickle.dumps(moments))
    assert bytes(again) == bytes(moments)
    pca = verger.pca.fit(again, 3)
    there = pickle.loads(pickle.dumps(pca))
    assert there.components == pca.components
    assert there.explained_variance == pca.explained_variance
    assert there.project(extracted).equals(pca.project(extracted))


def test_moments_know_the_mean(extracted):
    rows = numpy.array(good(extracted)["features"].to_pylist())
    numpy.testing.assert_allclose(verger.Moments().add(extracted).mean, rows.mean(axis=0),
                                  rtol=1e-6, atol=1e-9)


def test_rows_without_features_project_to_nothing(extracted):
    projected = verger.pca.fit(extracted, 3).project(extracted)
    assert projected["pca_features"].null_count == 1


def test_faults_have_a_status_and_a_message(extracted):
    with pytest.raises(verger.VergerError, match="2000 components") as fault:
        verger.pca.fit(extracted, 2000)
    assert fault.value.status_name == "invalid argument"
    assert pickle.loads(pickle.dumps(fault.value)).status == fault.value.status
    with pytest.raises(verger.VergerError):
        verger.Moments.from_bytes(b"no moments")
    with pytest.raises(ValueError, match="no images.* there are label"):
        verger.Extractor(MODEL).extract(pa.table({"label": ["b"]}))


def test_wrong_arguments(extractor, extracted, tmp_path):
    with pytest.raises(TypeError, match="no images can be found in int"):
        extractor.extract(5)
    with pytest.raises(TypeError, match="table"):
        verger.Moments().add([1, 2])
    with pytest.raises(ValueError, match="threads"):
        verger.Extractor(MODEL, threads=0)
    with pytest.raises(ValueError, match="null"):
        verger.pca.fit(extracted.filter(extracted["error"].is_valid()), 2)
    with pytest.raises(ValueError, match="one length"):
        verger.PCA([[1.0, 0.0], [0.0]], [0.5, 0.5])


def test_models_are_looked_for_as_the_command_does(tmp_path, monkeypatch):
    monkeypatch.setenv("VERGER_MODEL", str(tmp_path / "absent.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"\$VERGER_MODEL names .*absent"):
        verger.find_model()
    with pytest.raises(FileNotFoundError, match="the model names other"):
        verger.find_model("other")
    assert verger.find_model("seeded:1") == "seeded:1"
    monkeypatch.delenv("VERGER_MODEL")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="verger model fetch"):
        verger.find_model()
    cached = tmp_path / "verger" / "mobilenet_v2_1.0_224.safetensors"
    cached.parent.mkdir()
    cached.write_bytes(b"")
    assert verger.find_model() == str(cached)


def test_packed_models_give_the_same(tmp_path, paths, extracted):
    verger.Model(MODEL).save_packed(tmp_path / "weights.packed")
    assert verger.find_model(tmp_path / "weights.packed")
    with verger.Extractor(tmp_path / "weights.packed", threads=1) as packed:
        assert packed.extract(paths[:3]).equals(extracted.slice(0, 3))


def test_closing_twice_is_harmless(paths):
    extractor = verger.Extractor(MODEL, threads=1)
    extractor.close()
    extractor.close()
    moments = verger.Moments(3)
    moments.close()
    moments.close()


def package(code, **environment):
    """A Python of its own that runs the code."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "python"), **environment})


def test_a_missing_library_is_named():
    done = package("import verger; verger.kernel_sets()", VERGER_LIBRARY="/no/libverger.so")
    assert "ImportError: libverger is not at /no/libverger.so: install a wheel" in done.stderr


def test_numpy_is_not_needed(paths):
    done = package("import sys; sys.modules['numpy'] = None; import verger; print(verger.Extractor("
                   f"'seeded:7', threads=1).extract([{str(paths[0])!r}]).num_rows)")
    assert done.stdout.strip() == "1", done.stderr


def test_versions():
    assert verger.library_version() == verger.__version__
    assert "libjpeg-turbo" in verger.libraries()


def test_a_stream_keeps_little(extractor):
    """Batches are taken as they are needed."""
    taken = []

    def batches():
        data = encoded(photograph(1))
        for i in range(50):
            taken.append(i)
            yield pa.record_batch({"path": [str(i)], "label": ["x"], "content": [data]})

    stream = extractor.extract_batches(batches())
    next(stream)
    assert len(taken) < 10
    stream.close()
