"""Columns of another table beside the features: --join of classify and cluster, against
scikit-learn's ColumnTransformer."""


import numpy
import pandas
import pyarrow.parquet
import pytest
from conftest import TS, parts, read_parquet, table_folder, verger
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from test_neighbours import write_features

from tensor_files import read_tensors, write_tensors

CLASSES, OF_EACH, DIMS = 4, 40, 12
COLUMNS = ["--columns", "weight,colour,note"]


def call(*arguments, code=0):
    done = verger(*arguments, "--progress", "none")
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Features that tell two pairs of classes apart, and sensors that tell the pairs'."""
    random = numpy.random.default_rng(5)
    kinds = numpy.arange(CLASSES).repeat(OF_EACH)
    rows = numpy.float32(random.normal(size=(len(kinds), DIMS)) + 3.0 * (kinds // 2)[:, None])
    paths = [f"fruit {kind}/{i:03}.png" for i, kind in enumerate(kinds)]
    folder = tmp_path_factory.mktemp("drawn")
    write_features(folder / "out", rows, paths)
    sensors = pandas.DataFrame({
        "path": paths, "weight": 100.0 + 20.0 * (kinds % 2) + random.normal(size=len(kinds)),
        "colour": numpy.array(["red", "green", "a, b"])[random.integers(0, 3, len(kinds))],
        "note": ["7"] * len(kinds)})
    sensors.to_csv(folder / "sensors.csv", index=False)
    return folder, rows.astype(numpy.float64), kinds, sensors


def joined(rows, sensors, weight=1.0, fit_on=None):
    """What rows are with the columns; a column that is the same everywhere is zeros."""
    columns = ColumnTransformer([("numbers", StandardScaler(), ["weight"]),
                                 ("texts", OneHotEncoder(sparse_output=False), ["colour"])])
    columns.fit(sensors if fit_on is None else sensors[fit_on])
    return numpy.hstack([rows, weight * columns.transform(sensors), numpy.zeros((len(rows), 1))])


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_weights_are_scikit_learns(drawn, tmp_path, weight):
    folder, rows, kinds, sensors = drawn
    call("classify", "train", folder / "out", tmp_path / "m", "--join", folder / "sensors.csv",
         *COLUMNS, "--join-weight", weight, "--c", "0.1", "--test", "*/*9.png")
    trained = ~sensors["path"].str.endswith("9.png").to_numpy()
    wide = joined(rows, sensors, weight, trained)
    other = LogisticRegression(C=0.1, tol=1e-9, max_iter=20000).fit(wide[trained], kinds[trained])
    facts, tensors = read_tensors(tmp_path / "m")
    assert tensors["weights"] == pytest.approx(other.coef_, abs=2e-3)
    assert bytes(tensors["sensor_names"]) == b"weight\0colour\0note\0"
    assert bytes(tensors["sensor_categories"]) == b"\0a, b\0green\0red\0\0\0"
    mean, deviation = (getattr(sensors["weight"][trained], name)(**options)
                       for name, options in (("mean", {}), ("std", {"ddof": 0})))
    assert tensors["sensor_scales"] == pytest.approx(
        numpy.array([[mean, weight / deviation], [0, weight], [7, 0]]), rel=1e-9)


def test_they_tell_what_features_do_not(drawn, tmp_path):
    folder, _, _, _ = drawn
    words = ["classify", "evaluate", folder / "out", "--method", "lda", "--timestamp", TS, "--overwrite"]
    shares = []
    for more in ([], ["--join", folder / "sensors.csv", *COLUMNS]):
        call(*words, *more)
        table = read_parquet(folder / "out", "predictions").to_pandas()
        shares.append((table["label"] == table["predicted"]).mean())
    assert shares[0] < 0.7 and shares[1] > 0.99


def test_predict_scales_as_was_trained(drawn, tmp_path):
    """Of a table with other rows, whose mean is another, and its columns in another order."""
    folder, rows, kinds, sensors = drawn
    call("classify", "train", folder / "out", tmp_path / "m", "--join", folder / "sensors.csv", *COLUMNS)
    some = kinds % 2 == 1
    write_features(tmp_path / "new", rows[some], list(sensors["path"][some]))
    sensors[some][["colour", "note", "path", "weight"]].to_json(
        tmp_path / "new.jsonl", orient="records", lines=True)
    call("classify", "predict", tmp_path / "new", tmp_path / "m", "--join", tmp_path / "new.jsonl",
         "--timestamp", TS)
    facts, tensors = read_tensors(tmp_path / "m")
    scores = (joined(rows, sensors) - tensors["mean"]) @ tensors["weights"].T + tensors["bias"]
    scores = scores[some] / float(facts["temperature"])
    shares = numpy.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    table = read_parquet(tmp_path / "new", "predictions").to_pandas()
    assert list(table["probability"]) == pytest.approx(shares.max(1), abs=1e-5)
    assert (table["label"] == table["predicted"]).mean() > 0.95


def test_clusters(drawn):
    folder, rows, kinds, sensors = drawn
    call("cluster", folder / "out", "-k", 4, "--join", folder / "sensors.csv", "--columns", "weight",
         "--join-weight", 10, "--timestamp", TS, "--overwrite")
    table = read_parquet(folder / "out", "clusters").to_pandas()
    wide = numpy.hstack([rows, 10 * StandardScaler().fit_transform(sensors[["weight"]])])
    other = KMeans(4, n_init=10, random_state=0).fit(wide)
    part, = parts(table_folder(folder / "out", "clusters", "parquet"))
    facts = pyarrow.parquet.read_metadata(part).metadata
    assert facts[b"join_columns"] == b"weight" and facts[b"join_weight"] == b"10"
    assert (table["distance"] ** 2).sum() == pytest.approx(other.inertia_, rel=1e-4)
    assert len(table.groupby("label")["cluster"].agg(lambda c: c.mode()[0]).unique()) == 4


def test_rows_that_lack_or_repeat_are_counted_and_named(drawn, tmp_path):
    folder, _, _, sensors = drawn
    short = pandas.concat([sensors[3:], sensors[5:6],
                           pandas.DataFrame([{"path": "nowhere.png", "weight": 1, "colour": "red", "note": 7}])])
    short.loc[10, "colour"] = ""
    short.to_csv(tmp_path / "s.csv", index=False)
    told = call("classify", "train", folder / "out", tmp_path / "m", "--join", tmp_path / "s.csv",
                *COLUMNS).stderr
    for part in ("1 rows are of no image, the first is nowhere.png",
                 "1 rows name an image that another one before named, the first is fruit 0/005.png",
                 "says nothing of 3 of 160 images", "3 images have no weight: its mean is taken",
                 "4 images have no colour: they are of none of its categories"):
        assert part in told
    changed = sensors.replace({"colour": {"red": "blue"}})
    changed.to_csv(tmp_path / "new.csv", index=False)
    told = call("classify", "predict", folder / "out", tmp_path / "m", "--join", tmp_path / "new.csv").stderr
    count = (changed["colour"] == "blue").sum()
    assert f"{count} images have a colour that no image had to learn from" in told


@pytest.mark.parametrize("none", ["NaN", "nan", "NA", ""])
def test_a_number_that_is_not_there(drawn, tmp_path, none):
    """As pandas and R write it: the column stays one of numbers."""
    folder, _, _, sensors = drawn
    some = sensors.astype({"weight": str})
    some.loc[[4, 50], "weight"] = none
    some.to_csv(tmp_path / "some.csv", index=False)
    train = ["classify", "train", folder / "out", "--method", "lda", "--folds", 0, "--columns", "weight"]
    told = call(*train, tmp_path / "m", "--join", tmp_path / "some.csv").stderr
    assert "2 images have no weight: its mean is taken" in told
    expected = sensors["weight"].drop([4, 50])
    found = read_tensors(tmp_path / "m")[1]["sensor_scales"].ravel()
    assert found == pytest.approx([expected.mean(), 1.0 / expected.std(ddof=0)])
    told = call("classify", "predict", folder / "out", tmp_path / "m", "--join", tmp_path / "some.csv").stderr
    assert "2 images have no weight: its mean is taken" in told


def test_numbers_that_a_text_makes_categories_are_warned_of(drawn, tmp_path):
    folder, _, _, sensors = drawn
    odd = sensors.assign(weight=(sensors["weight"] // 10).astype(str))
    odd.loc[4, "weight"] = "1.5 kg"
    odd.to_csv(tmp_path / "odd.csv", index=False)
    told = call("classify", "train", folder / "out", tmp_path / "m", "--method", "lda", "--folds", 0,
                "--join", tmp_path / "odd.csv", "--columns", "weight,colour").stderr
    assert "159 images have a number as weight, 1 have none, such as '1.5 kg': each text is taken as a " \
        "category" in told
    assert "colour" not in told


def refused(*words):
    done = call(*words, code=1)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_what_is_refused(drawn, tmp_path):
    folder, _, _, sensors = drawn
    output, table = folder / "out", folder / "sensors.csv"
    call("classify", "train", output, tmp_path / "m", "--join", table, *COLUMNS, "--folds", 0)
    call("classify", "train", output, tmp_path / "plain", "--folds", 0)
    predict = ["classify", "predict", output]
    assert "was trained with columns of another table, weight, ...: give one" in refused(*predict, tmp_path / "m")
    assert "was trained on features alone" in refused(*predict, tmp_path / "plain", "--join", table)
    odd = sensors.astype({"weight": object})
    odd.loc[4, "weight"] = "heavy"
    odd.to_csv(tmp_path / "odd.csv", index=False)
    assert "fruit 0/004.png: its weight is 'heavy', where others are numbers" in \
        refused(*predict, tmp_path / "m", "--join", tmp_path / "odd.csv")
    sensors.assign(weight="").to_csv(tmp_path / "empty.csv", index=False)
    train = ["classify", "train", output, tmp_path / "n"]
    assert "column weight says nothing of the images" in \
        refused(*train, "--join", tmp_path / "empty.csv", "--columns", "weight")
    assert "height" in refused(*train, "--join", table, "--columns", "height")
    done = verger("predict", tmp_path / "m", table, "--model", "seeded:7")
    assert done.returncode == 1 and "which an image does not have: use 'verger classify predict" in done.stderr


@pytest.mark.parametrize("name, damaged", [
    ("sensor_names", b"weight\0colour\0not"), ("sensor_categories", b"\0green\0a\0red\0\0\0"),
    ("sensor_categories", b"\0"), ("sensor_scales", numpy.zeros((2, 2))),
    ("sensor_scales", numpy.full((3, 2), numpy.nan)), ("sensor_names", None)])
def test_damaged_files_are_refused(drawn, tmp_path, name, damaged):
    folder, _, _, _ = drawn
    call("classify", "train", folder / "out", tmp_path / "m", "--join", folder / "sensors.csv",
         *COLUMNS, "--folds", 0)
    facts, tensors = read_tensors(tmp_path / "m")
    tensors[name] = numpy.frombuffer(damaged, "u1") if isinstance(damaged, bytes) else damaged
    if damaged is None:
        del tensors[name]
    write_tensors(tmp_path / "m", facts, tensors)
    told = refused("classify", "predict", folder / "out", tmp_path / "m", "--join", folder / "sensors.csv")
    assert "cannot be used as a classifier" in told
