"""verger pca: the same components again from features that are written."""

import json
import shutil

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from conftest import (SEEDED, SHARED, TS, features, files_below, leftovers, model_info, numbers,
                      parts, read_csv, read_parquet, run, table_folder, verger)


def pca(source, output, *arguments, code=0):
    done = verger("pca", source, output, "--timestamp", TS, "--progress", "none", *arguments)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def output(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    run(fruits, output, "--part-rows", 9)
    return output


def rows(output):
    return numpy.stack(read_parquet(output, "pca").column("pca_features").to_numpy())


@pytest.mark.parametrize("which", ["output", "parquet", "csv"])
def test_the_same_as_the_run(output, tmp_path, which):
    source = output if which == "output" else table_folder(output, "features", which)
    pca(source, tmp_path, "-k", 5)
    assert rows(tmp_path).tobytes() == rows(output).tobytes()
    info, first = model_info(tmp_path), model_info(output)
    assert info["variance_by_component"] == first["variance_by_component"]
    assert info["num_images_processed"] == 24
    assert len(parts(table_folder(tmp_path, "pca", "csv"))) == 3
    assert not (tmp_path / "features").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("k", [1, 2, 23, 24])
def test_any_number_of_components(output, tmp_path, k):
    pca(output, tmp_path, "-k", k)
    variance = read_csv(tmp_path, "variance")
    assert len(variance) == k and rows(tmp_path).shape == (24, k)
    first = read_csv(output, "variance").variance_explained[: min(k, 5)]
    assert list(variance.variance_explained[:5]) == pytest.approx(list(first), rel=1e-9)
    if k >= 23:
        assert variance.cumulative_variance[22] == pytest.approx(1, abs=1e-9)
    if k == 24:
        assert variance.variance_explained[23] == 0


def test_as_many_components_as_features(fruits, tmp_path):
    random = numpy.random.default_rng(1)
    matrix = random.normal(size=(1400, 1280)).astype(numpy.float32)
    table = pyarrow.table({"path": [str(i) for i in range(1400)], "label": ["x"] * 1400,
                           "features": list(matrix)})
    (tmp_path / "in").mkdir()
    pyarrow.parquet.write_table(table, tmp_path / "in" / "a.parquet", row_group_size=500)
    done = pca(tmp_path / "in", tmp_path / "out", "-k", 1280, "--format", "parquet")
    assert "no _SUCCESS" in done.stderr
    assert model_info(tmp_path / "out")["total_variance_explained"] == pytest.approx(1, abs=1e-9)
    projected = rows(tmp_path / "out")
    # all components together only turn the rows: lengths stay
    lengths = numpy.linalg.norm(matrix.astype("f8"), axis=1)
    assert numpy.allclose(numpy.linalg.norm(projected, axis=1), lengths, rtol=1e-9)


def write(folder, rows, name="part-0.parquet", labels=None):
    folder.mkdir(exist_ok=True)
    table = pyarrow.table({"path": [f"p{i}" for i in range(len(rows))],
                           "label": labels or ["x"] * len(rows),
                           "features": pyarrow.array(rows, pyarrow.list_(pyarrow.float32()))})
    pyarrow.parquet.write_table(table, folder / name)


def test_rows_without_features_are_left_out_and_counted(tmp_path):
    write(tmp_path / "in", [[1, 2, 3], None, [3, 2, 2], [0, 1, 5], None])
    done = pca(tmp_path / "in", tmp_path / "out", "-k", 2)
    assert "2 of 5 rows have no features" in done.stderr
    assert list(read_csv(tmp_path / "out", "pca", "csv").path) == ["p0", "p2", "p3"]
    assert model_info(tmp_path / "out")["num_images_processed"] == 3
    assert model_info(tmp_path / "out")["original_dimensions"] == 3


@pytest.mark.parametrize("bad,says", [
    ([[1, 2, 3], [1, 2], [3, 4, 5]], "p1"),
    ([[1, 2, 3], [1, float("nan"), 2], [3, 4, 5]], "p1"),
    ([[1, 2, 3]], "two"),
    ([None, None], "two"),
    ([[1, 2, 3], [2, 3, 4], [5, 6, 8], [1, 1, 1]], "3 features"),
    ([[], []], "p0"),
])
def test_features_that_have_no_pca(tmp_path, bad, says):
    write(tmp_path / "in", bad)
    k = 4 if "features" in says else 1
    done = pca(tmp_path / "in", tmp_path / "out", "-k", k, code=1)
    assert says in done.stderr
    assert files_below(tmp_path / "out") == []


def test_incomplete_runs_are_refused(output, tmp_path):
    copy = shutil.copytree(output, tmp_path / "copy")
    for kind in ("parquet", "csv"):
        (table_folder(copy, "features", kind) / "_SUCCESS").unlink()
    done = pca(table_folder(copy, "features", "parquet"), tmp_path / "out", "-k", 2, code=1)
    assert "not finished" in done.stderr
    done = pca(copy, tmp_path / "out", "-k", 2, code=1)
    assert "not finished" in done.stderr and TS in done.stderr


def test_the_newest_complete_features_are_taken(fruits, tmp_path):
    run(fruits, tmp_path / "runs")
    done = verger("run", fruits, tmp_path / "runs", "-k", 2, *SEEDED, "--limit", 7, "--timestamp",
                  "20250301_000000", "--format", "csv")
    assert done.returncode == 0, done.stderr
    half = table_folder(tmp_path / "runs", "features", "parquet", "20250401_000000")
    half.mkdir()
    (half / "part-00000.snappy.parquet").write_text("half")
    pca(tmp_path / "runs", tmp_path / "out", "-k", 2)
    assert model_info(tmp_path / "out")["num_images_processed"] == 7


def test_sources_without_features(tmp_path):
    (tmp_path / "in").mkdir()
    assert "no features" in pca(tmp_path / "in", tmp_path / "out", "-k", 2, code=1).stderr
    assert "missing" in pca(tmp_path / "missing", tmp_path / "out", "-k", 2, code=1).stderr
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "in" / "a.parquet")
    assert "path" in pca(tmp_path / "in", tmp_path / "out", "-k", 2, code=1).stderr


def test_again_over_the_run(fruits, tmp_path):
    run(fruits, tmp_path)
    before = features(tmp_path).tobytes()
    assert "--overwrite" in pca(tmp_path, tmp_path, "-k", 3, code=1).stderr
    pca(tmp_path, tmp_path, "-k", 3, "--overwrite")
    assert features(tmp_path).tobytes() == before
    assert numbers(read_csv(tmp_path, "pca", "csv").pca_features_string).shape == (24, 3)


def test_features_of_the_reference(tmp_path):
    source = SHARED / "reference" / "mini" / "features.snappy.parquet"
    if not source.exists():
        pytest.skip(f"no {source}: the reference's results are not here")
    (tmp_path / "in").mkdir()
    shutil.copy(source, tmp_path / "in")
    pca(tmp_path / "in", tmp_path / "out")
    import json
    reference = json.loads((source.parent / "model_info.json").read_text())
    info = model_info(tmp_path / "out")
    assert info["variance_by_component"] == pytest.approx(reference["variance_by_component"],
                                                          abs=1e-6)
    assert info["num_images_processed"] == 300


# --- The file -----------------------------------------------------------------------------


def pca_file(output):
    return table_folder(output, "model_info", ts=TS).with_name(f"pca_{TS}") / "pca.safetensors"


def test_a_run_keeps_its_pca(output, tmp_path):
    """What the file says, read by hand, projects the features to the rows of the run."""
    data = pca_file(output).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    assert size % 8 == 0 and header["__metadata__"]["kind"] == "verger pca"
    assert header["__metadata__"]["model"] == "seeded:7"

    def tensor(name):
        begin, end = header[name]["data_offsets"]
        values = numpy.frombuffer(data[8 + size:][begin:end], "<f8")
        return values.reshape(header[name]["shape"])
    every = features(output).astype(numpy.float64)
    assert rows(output) == pytest.approx(every @ tensor("components").T, rel=1e-9, abs=1e-12)
    assert tensor("mean") == pytest.approx(every.mean(axis=0), rel=1e-12)
    assert list(tensor("explained_variance")) == model_info(output)["variance_by_component"]
    assert pca_file(output).with_name("_SUCCESS").exists()

    pca(output, tmp_path, "-k", 5)
    again = pca_file(tmp_path).read_bytes()
    assert again[8 + int.from_bytes(again[:8], "little"):] == data[8 + size:]


def test_new_images_are_projected_as_the_old_ones(output, fruits, tmp_path):
    run(fruits, tmp_path / "new", "-k", 0, "--select", "**/Pear 1/*")
    assert not (tmp_path / "new" / "pca").exists()
    assert not (tmp_path / "new" / "model_info").exists()
    pca(tmp_path / "new", tmp_path / "applied", "--apply", pca_file(output))
    pears = read_parquet(output, "pca").to_pandas()
    pears = pears[pears.label == "Pear 1"].reset_index(drop=True)
    applied = read_parquet(tmp_path / "applied", "pca").to_pandas()
    assert list(applied.relative_path) == list(pears.relative_path)
    assert numpy.stack(applied.pca_features).tobytes() == numpy.stack(pears.pca_features).tobytes()
    assert not pca_file(tmp_path / "applied").exists()
    assert model_info(tmp_path / "applied")["num_images_processed"] == 8


@pytest.mark.parametrize("damage,says", [
    (lambda data: data[:5], "no safetensors file"), (lambda data: data[:-1], "damaged"),
    (lambda data: data.replace(b"verger pca", b"verger abc"), "do not say"),
    (lambda data: data.replace(b"F64", b"F32"), "damaged"),
    (lambda data: data.replace(b"[5, 1280]", b"[6, 1280]"), "damaged"),
    (lambda data: data.replace(b'"shape"', b'"ahape"'), "header is damaged")])
def test_a_file_that_is_no_pca(output, tmp_path, damage, says):
    broken = tmp_path / "pca.safetensors"
    broken.write_bytes(damage(pca_file(output).read_bytes()))
    done = pca(output, tmp_path / "out", "--apply", broken, code=1)
    assert says in done.stderr and str(broken) in done.stderr
    assert "cannot be opened" in pca(output, tmp_path, "--apply", tmp_path / "no", code=1).stderr


def test_components_by_the_share_they_explain(output, fruits, tmp_path):
    pca(output, tmp_path / "again", "-k", "0.6")
    cumulative = list(read_csv(tmp_path / "again", "variance").cumulative_variance)
    assert cumulative[-1] >= 0.6 and (len(cumulative) == 1 or cumulative[-2] < 0.6)
    assert rows(tmp_path / "again").shape == (24, len(cumulative))
    run(fruits, tmp_path / "run", "-k", "0.6")
    assert rows(tmp_path / "run") == pytest.approx(rows(tmp_path / "again"), abs=1e-9)


def test_fewer_images_than_components(fruits, tmp_path):
    done = run(fruits, tmp_path, "-k", 50)
    assert "50 components need as many images and there are 24: so many are taken" in done.stderr
    assert rows(tmp_path).shape == (24, 24)


# --- How it is fitted and projects -------------------------------------------------


@pytest.fixture(scope="module")
def halves(fruits, tmp_path_factory):
    """The images with a split each."""
    folder = tmp_path_factory.mktemp("halves")
    images = sorted(str(p.relative_to(fruits)) for p in fruits.rglob("*.jpg"))
    rows = [f"{image},{'train' if i % 3 else 'test'}" for i, image in enumerate(images)]
    (folder / "splits.csv").write_text("path,split\n" + "\n".join(rows) + "\n")
    return ["--files-from", folder / "splits.csv"]


def matrix_of(output):
    x = features(output).astype("f8")
    split = numpy.array(read_parquet(output, "features").column("split").to_pylist())
    return x, split


@pytest.mark.parametrize("choices", [["--center"], ["--whiten"], ["--center", "--whiten"], []])
def test_fitted_to_a_split(fruits, halves, tmp_path, choices):
    out, again, applied = (tmp_path / name for name in ("out", "again", "applied"))
    run(fruits, out, "-k", 4, "--fit-on", "train", "--part-rows", 7, *halves, *choices)
    x, split = matrix_of(out)
    fitted = x[split == "train"]
    mean = fitted.mean(axis=0)
    _, values, axes = numpy.linalg.svd(fitted - mean, full_matrices=False)
    axes = axes[:4] * numpy.sign(axes[numpy.arange(4), abs(axes[:4]).argmax(axis=1)])[:, None]
    expected = (x - mean if "--center" in choices else x) @ axes.T
    if "--whiten" in choices:
        expected /= values[:4] / numpy.sqrt(len(fitted) - 1)
    numpy.testing.assert_allclose(rows(out), expected, rtol=1e-6, atol=1e-6)
    info = model_info(out)
    assert (info["fit_on"], info["fit_images"], info["num_images_processed"]) == ("train", "16", 24)
    assert [info.get("center"), info.get("whiten")] == [
        "true" if name in choices else None for name in ("--center", "--whiten")]

    pca(out, again, "-k", 4, "--fit-on", "train", *choices)
    assert rows(again).tobytes() == rows(out).tobytes()
    assert model_info(again)["fit_images"] == "16"
    file = table_folder(out, "model_info").parent / f"pca_{TS}" / "pca.safetensors"
    pca(out, applied, "--apply", file)
    assert rows(applied).tobytes() == rows(out).tobytes()


def test_a_split_that_no_image_has(fruits, halves, output, tmp_path):
    done = run(fruits, tmp_path / "out", "--fit-on", "trian", *halves, code=1)
    assert 'no image is of the split "trian": there are "test" "train"' in done.stderr
    assert not (tmp_path / "out" / "features").exists()
    done = pca(output, tmp_path / "out", "-k", 2, "--fit-on", "val", code=1)
    assert '0 of 24 rows are of the split "val"' in done.stderr


def test_fit_on_of_a_run_that_was_broken_off(fruits, halves, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    arguments = ["-k", 3, "--fit-on", "test", "--part-rows", 5, *halves]
    run(fruits, whole, *arguments)
    run(fruits, out, *arguments)
    for gone in ("part-00001.json", "part-00003.json", "_SUCCESS"):
        (out / "_verger" / f"run_{TS}" / gone).unlink()
    run(fruits, out, *arguments, "--resume")
    assert rows(out).tobytes() == rows(whole).tobytes()
    done = run(fruits, out, *arguments[:2], "--fit-on", "train", *arguments[4:], "--resume", code=1)
    assert "--fit-on was test and is train now" in done.stderr


def test_components_that_explain_nothing_are_not_whitened(fruits, tmp_path):
    done = run(fruits, tmp_path, "-k", 24, "--whiten", "--center")
    assert "23 of 24 components explain something" in done.stderr
    assert rows(tmp_path).var(axis=0, ddof=1) == pytest.approx(numpy.ones(23), rel=1e-6)


@pytest.mark.parametrize("arguments,says", [
    (["-k", "0", "--whiten"], "leave -k 0 out"), (["-k", "0", "--fit-on", "x"], "leave -k 0 out")])
def test_choices_without_a_pca(fruits, tmp_path, arguments, says):
    assert says in run(fruits, tmp_path, *arguments, code=2).stderr


def test_apply_takes_no_choices(output, tmp_path):
    done = pca(output, tmp_path, "--apply", "x", "--center", code=2)
    assert "--apply projects as FILE says" in done.stderr


def test_the_model_stays_known(output, tmp_path):
    pca(output, tmp_path / "out", "-k", 2)
    info, first = model_info(tmp_path / "out"), model_info(output)
    assert info["model"] == "seeded:7" and info["kernels"] == first["kernels"]


# --- How features are written ---------------------------------------------------------


@pytest.mark.parametrize("form", [["--normalize"], ["--dtype", "float16"],
                                  ["--normalize", "--dtype", "float16"]])
def test_forms_of_features(fruits, output, tmp_path, form):
    out, again = tmp_path / "out", tmp_path / "again"
    run(fruits, out, *form, "--part-rows", 9)
    plain = features(output).astype("f8")
    expected = plain
    if "--normalize" in form:
        expected = (plain / numpy.linalg.norm(plain, axis=1)[:, None]).astype("f4")
    if "float16" in form:
        expected = expected.astype("f4").astype("f2")
    written = features(out)
    assert written.dtype == (numpy.float16 if "float16" in form else numpy.float32)
    if "--normalize" in form:
        numpy.testing.assert_allclose(written.astype("f8"), expected.astype("f8"),
                                      rtol=1e-3 if "float16" in form else 1e-7)
    else:
        assert written.tobytes() == expected.tobytes()
    text = read_csv(out, "features", "csv").features_string
    assert numbers(text, numpy.float32).tobytes() == written.astype("f4").tobytes()
    for source in ("parquet", "csv"):
        pca(table_folder(out, "features", source), again, "-k", 5, "--overwrite")
        assert rows(again).tobytes() == rows(out).tobytes()
    info = model_info(out)
    assert [info.get("normalize"), info.get("dtype")] == [
        "true" if "--normalize" in form else None, "float16" if "float16" in form else None]
    # An update takes them as they are, and only those of the same form.
    later = "20250201_000000"
    done = verger("run", fruits, out, "-k", 4, *SEEDED, *form, "--part-rows", 9, "--update",
                  "--timestamp", later)
    assert "kept      24 images" in done.stdout, done.stdout + done.stderr
    assert features(out, later).tobytes() == written.tobytes()
    done = verger("run", fruits, out, "-k", 5, *SEEDED, "--update", "--timestamp", "20250301_000000")
    assert done.returncode == 1 and f"{form[0]} was" in done.stderr, done.stdout + done.stderr
