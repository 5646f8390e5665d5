"""verger inspect: planted faults are found, and the scores are those of numpy."""

import io
import json
import re
import shutil
import signal
import subprocess

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image
from conftest import (BUILD, ROOT, TS, fill, leftovers, parts, read_csv, read_parquet, run, successes,
                      table_folder, verger)
from kills import LIBRARY, environment

CHECKS = {"label": "labels", "duplicate": "duplicates", "leak": "leaks"}


def inspect(output, *arguments, code=0, **options):
    done = verger("inspect", output, "--timestamp", TS, "--progress", "none", *arguments,
                  **options)
    assert done.returncode == code, done.stderr
    return done


def rows_of(output):
    return read_parquet(output, "inspection").to_pylist()


def with_reason(rows, reason):
    return [row["path"] for row in rows if reason in row["reasons"]]


def write_components(output, rows, labels, splits=None, paths=None):
    """A table of components, and the neighbours of it."""
    paths = paths or [f"/in/{i:05}.png" for i in range(len(rows))]
    table = pyarrow.table({
        "path": paths, "label": pyarrow.array([str(label) for label in labels]),
        "pca_features": pyarrow.array([row.tolist() for row in rows],
                                      pyarrow.list_(pyarrow.float64())),
        "relative_path": [path[4:] for path in paths],
        "split": pyarrow.array(splits or [None] * len(rows), pyarrow.string())})
    target = table_folder(output, "pca", "parquet")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    pyarrow.parquet.write_table(table, target / "part-00000.parquet")
    (target / "_SUCCESS").touch()
    done = verger("neighbours", output, "--space", "pca", "--metric", "l2", "--timestamp", TS,
                  "--overwrite", "--progress", "none")
    assert done.returncode == 0, done.stderr


def clusters(classes=30, of_each=40, dims=20, seed=0):
    """Classes in pairs that are near each other, and the nearest class of each."""
    random = numpy.random.default_rng(seed)
    centres = numpy.repeat(random.normal(size=(classes // 2, dims)) * 4, 2, axis=0)
    centres[1::2] += random.normal(size=(classes // 2, dims)) * 0.9
    labels = numpy.repeat(numpy.arange(classes), of_each)
    rows = centres[labels] + random.normal(size=(len(labels), dims)) * 0.7
    return rows, labels, numpy.arange(classes) ^ 1


def average_precision(ranks, is_bad):
    hits = is_bad[numpy.argsort(ranks)]
    precision = numpy.cumsum(hits) / numpy.arange(1, len(hits) + 1)
    return (precision * hits).sum() / hits.sum()


@pytest.mark.parametrize("share, to_nearest, bar", [(0.01, False, 0.97), (0.05, True, 0.96),
                                                    (0.2, True, 0.94)])
def test_swapped_labels_rank_first(tmp_path, share, to_nearest, bar):
    rows, labels, nearest = clusters()
    random = numpy.random.default_rng(2)
    is_bad = numpy.zeros(len(rows), bool)
    is_bad[random.choice(len(rows), int(len(rows) * share), replace=False)] = True
    swapped = nearest[labels] if to_nearest else (labels + random.integers(1, 30, len(labels))) % 30
    write_components(tmp_path, rows, numpy.where(is_bad, swapped, labels))
    inspect(tmp_path, "--labels")
    found = rows_of(tmp_path)
    assert average_precision([row["label_rank"] for row in found], is_bad) >= bar
    suggested = [row["suggested_label"] == str(label)
                 for row, label, bad in zip(found, labels, is_bad) if bad]
    assert numpy.mean(suggested) > 0.9


def class_distances(rows, labels):
    """Mahalanobis distances within the classes; the shrinkage is Ledoit and Wolf's (2004)."""
    means = numpy.array([rows[labels == label].mean(axis=0) for label in labels])
    rest, dims = rows - means, rows.shape[1]
    within = rest.T @ rest / len(rows)
    mu = numpy.trace(within) / dims
    delta = ((within - mu * numpy.eye(dims)) ** 2).sum() / dims
    beta = ((rest ** 2).sum(axis=1) ** 2).mean() - (within ** 2).sum()
    share = min(beta / len(rows) / dims, delta) / delta
    shrunk = (1 - share) * within + share * mu * numpy.eye(dims)
    return numpy.sqrt((rest @ numpy.linalg.inv(shrunk) * rest).sum(axis=1))


def test_an_image_unlike_its_class_has_near_neighbours(tmp_path):
    rows, labels, _ = clusters(classes=6, of_each=40)
    labels[10] = 4
    write_components(tmp_path, rows, labels)
    inspect(tmp_path, "--outliers")
    found = rows_of(tmp_path)
    assert found[10]["reasons"] == ["class_outlier"] and found[10]["outlier_rank"] <= 2
    assert max(found, key=lambda row: row["class_distance"]) is found[10]


def test_scores_are_those_of_numpy(tmp_path):
    rows, labels, nearest = clusters(classes=6, of_each=20, dims=8)
    labels[::11] = nearest[labels[::11]]
    write_components(tmp_path, rows, labels)
    inspect(tmp_path)
    table = read_parquet(tmp_path, "neighbours")
    distances = numpy.stack(table["distances"].to_numpy()).astype(float)
    neighbours = numpy.array([[int(path[4:9]) for path in paths]
                              for paths in table["neighbour_paths"].to_pylist()])
    found = rows_of(tmp_path)
    means = distances.mean(axis=1)
    assert [row["outlier_score"] for row in found] == pytest.approx(means)
    distant = class_distances(numpy.float32(rows).astype(float), labels)
    assert [row["class_distance"] for row in found] == pytest.approx(distant)
    places = numpy.array([1 + numpy.argsort(numpy.argsort(-score, kind="stable"))
                          for score in (means, distant)])
    order = numpy.lexsort((places.max(axis=0), places.min(axis=0)))
    assert numpy.argsort([row["outlier_rank"] for row in found]).tolist() == order.tolist()
    for reason, score in (("outlier", means), ("class_outlier", distant)):
        # The quantiles are values, the lower ones.
        low, high = numpy.quantile(score, [0.25, 0.75], method="lower")
        assert with_reason(found, reason) == \
            [row["path"] for row, one in zip(found, score) if one > high + 1.7 * (high - low)]
    votes = numpy.zeros((len(rows), 6))
    weights = 1 / (0.1 + distances / distances[:, -1:])
    for place in range(10):
        numpy.add.at(votes, (numpy.arange(len(rows)), labels[neighbours[:, place]]),
                     weights[:, place])
    votes /= weights.sum(axis=1, keepdims=True)
    own = votes[numpy.arange(len(rows)), labels]
    others = votes.copy()
    others[numpy.arange(len(rows)), labels] = 0
    assert [row["label_score"] for row in found] == pytest.approx(others.max(axis=1) - own)
    for row, vote, mine in zip(found, others, own):
        is_bad = vote.max() > mine
        assert ("label" in row["reasons"]) == is_bad
        assert row["suggested_label"] == (str(vote.argmax()) if is_bad else None)
        assert row["support"] == (pytest.approx(vote.max()) if is_bad else None)


def test_images_without_a_label_have_no_vote_and_no_class(tmp_path):
    rows, labels, _ = clusters(classes=4, of_each=20, dims=8)
    numbers = numpy.array(labels)
    labels = [label if i % 3 else "" for i, label in enumerate(labels)]
    write_components(tmp_path, rows, labels)
    done = inspect(tmp_path)
    assert "27 have none, and no vote" in done.stdout
    table = read_parquet(tmp_path, "neighbours")
    neighbours = [[int(path[4:9]) for path in paths]
                  for paths in table["neighbour_paths"].to_pylist()]
    labelled = numpy.array([label != "" for label in labels])
    distant = iter(class_distances(numpy.float32(rows[labelled]).astype(float), numbers[labelled]))
    for i, row in enumerate(rows_of(tmp_path)):
        if labels[i] == "":
            assert row["label_score"] is row["class_distance"] is row["suggested_label"] is None
            continue
        assert row["class_distance"] == pytest.approx(next(distant))
        voters = [place for place, one in enumerate(neighbours[i]) if labels[one] != ""]
        distances = numpy.array(table["distances"][i].as_py())[voters]
        weights = 1 / (0.1 + distances / distances[-1])
        votes = numpy.bincount(numbers[numpy.array(neighbours[i])[voters]], weights, 4)
        votes /= weights.sum()
        own = votes[numbers[i]]
        votes[numbers[i]] = 0
        assert row["label_score"] == pytest.approx(votes.max() - own)
    write_components(tmp_path, rows, [""] * len(rows))
    inspect(tmp_path, "--overwrite")
    assert all(row["class_distance"] is row["label_score"] is None for row in rows_of(tmp_path))


def test_foreign_images_are_outliers(tmp_path):
    rows, labels, _ = clusters()
    foreign = numpy.random.default_rng(9).normal(size=(30, 20)) * 6
    write_components(tmp_path, numpy.vstack([rows, foreign]), [*labels, *["odd"] * 30])
    inspect(tmp_path, "--outliers")
    scores = numpy.array([row["outlier_score"] for row in rows_of(tmp_path)])
    order = numpy.argsort(numpy.argsort(scores))
    area = (order[-30:].sum() - 30 * 29 / 2) / (30 * len(rows))
    assert area >= 0.99
    assert len(with_reason(rows_of(tmp_path), "outlier")) >= 30


def test_near_duplicates_do_not_chain(tmp_path):
    rows, labels, _ = clusters(classes=4, of_each=20)
    step = numpy.zeros(20)
    nearest = numpy.sort(numpy.linalg.norm(rows[:, None] - rows[None], axis=2), axis=1)[:, 1]
    step[0] = 0.08 * numpy.median(nearest)
    chain = [rows[5] + i * step for i in (1, 2.1, 3.1)]
    write_components(tmp_path, numpy.vstack([rows, chain]), [*labels, 0, 0, 0])
    inspect(tmp_path, "--duplicates")
    groups = {row["path"]: row["duplicate_group"] for row in rows_of(tmp_path)
              if row["duplicate_group"]}
    names = [f"/in/{i:05}.png" for i in (5, 80, 81, 82)]
    assert set(groups) == set(names)
    assert groups[names[0]] == groups[names[1]] != groups[names[2]] == groups[names[3]]
    for row in rows_of(tmp_path):
        if row["duplicate_group"]:
            assert row["duplicate_diameter"] == pytest.approx(step[0], rel=1e-3)
    inspect(tmp_path, "--duplicates", "--near", "0.05", "--overwrite")
    assert not any(row["duplicate_group"] for row in rows_of(tmp_path))


def turning(objects=12, frames=8, dims=12):
    """Frames of objects that hardly differ, of two labels; the paths say which is whose."""
    random = numpy.random.default_rng(5)
    labels = numpy.arange(objects) % 2
    centres = numpy.where(labels[:, None], 6.0, 0.0) + random.normal(size=(objects, dims))
    rows = numpy.repeat(centres, frames, axis=0) + random.normal(size=(objects * frames, dims)) * 1e-3
    paths = [f"/in/{i // frames:02}_{i % frames}.png" for i in range(len(rows))]
    return rows, numpy.repeat(labels, frames), paths


def test_frames_of_one_object_do_not_vote_for_it(tmp_path):
    rows, labels, paths = turning()
    labels[24:32] = 1 - labels[24]  # all frames of one object
    write_components(tmp_path, rows, labels, paths=paths)
    inspect(tmp_path, "--labels")
    assert with_reason(rows_of(tmp_path), "label") == []
    done = inspect(tmp_path, "--labels", "--group", "/([0-9]+)_", "--overwrite")
    assert with_reason(rows_of(tmp_path), "label") == paths[24:32]
    assert "0 have fewer than two neighbours of other groups" in done.stdout


def test_frames_of_one_object_alone_have_no_vote(tmp_path):
    rows, labels, paths = turning(frames=16)
    write_components(tmp_path, rows, labels, paths=paths)
    done = inspect(tmp_path, "--labels", "--group", "/([0-9]+)_")
    assert "192 have fewer than two neighbours of other groups" in done.stdout
    assert all(row["label_score"] is row["label_rank"] is None for row in rows_of(tmp_path))


def test_frames_of_one_object_are_no_duplicates_and_no_twins(tmp_path):
    rows, labels, paths = turning()
    rows[11] = rows[10] + 1e-6  # of one object
    rows[88] = rows[3] + 1e-6
    splits = ["Test" if i % 8 == 3 or i == 88 else "Training" for i in range(len(rows))]
    write_components(tmp_path, rows, labels, splits, paths)
    words = ["--duplicates", "--leaks"]
    inspect(tmp_path, *words)
    pairs = [paths[i] for i in (3, 10, 11, 88)]
    assert with_reason(rows_of(tmp_path), "duplicate") == pairs
    assert with_reason(rows_of(tmp_path), "leak") == [paths[11]]
    done = inspect(tmp_path, *words, "--group", "/([0-9]+)_", "--overwrite")
    assert with_reason(rows_of(tmp_path), "duplicate") == [paths[3], paths[88]]
    assert with_reason(rows_of(tmp_path), "leak") == []
    assert "13 of them are of a group that has images there" in done.stdout


@pytest.mark.parametrize("group, message", [
    ("/([0-9]+_", "the group's regular expression"), ("nowhere", "matches no path, such as /in/"),
    ("/in/", "puts all images into one group"), ("/(0[0-9])_", "does not match /in/10_0.png")])
def test_groups_that_are_none(tmp_path, group, message):
    rows, labels, paths = turning()
    write_components(tmp_path, rows, labels, paths=paths)
    fails(tmp_path, message, "--group", group)


def test_a_group_within_a_group(tmp_path):
    """Each capture is a part of the key, however long they are together."""
    rows, labels, paths = turning()
    write_components(tmp_path, rows, labels, paths=paths)
    inspect(tmp_path, "--labels", "--group", "(((((((((.*/[0-9]+)))))))))_")
    assert with_reason(rows_of(tmp_path), "label") == []


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """An output of real images: fifteen copies of one, more than it has neighbours, one of them
    in Test, one under another label; and a test image that is new."""
    root = tmp_path_factory.mktemp("planted")
    fill(root / "in", per_class=12)
    fill(root / "in", per_class=1, classes=("Quince",), split="Test")
    (root / "in/Test/Quince/r_0_100.jpg").write_bytes(
        (root / "in/Training/Apple 2/r_3_100.jpg").read_bytes())
    original = (root / "in/Training/Apple 1/r_0_100.jpg").read_bytes()
    for i in range(13):
        (root / f"in/Training/Apple 1/copy \\x41 {i:02}.jpg").write_bytes(original)
    (root / "in/Test/Apple 1").mkdir()
    (root / "in/Test/Apple 1/copy.jpg").write_bytes(original)
    run(root / "in", root / "out")
    done = verger("neighbours", root / "out", "--timestamp", TS, "--progress", "none")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def output(planted, tmp_path):
    return shutil.copytree(planted / "out", tmp_path / "out")


def test_copies_are_told_by_their_bytes(planted, output):
    done = inspect(output, "--duplicates")
    assert done.stderr == ""
    rows = {row["path"].split("/in/")[1]: row for row in rows_of(output)}
    first = f"{planted}/in/Test/Apple 1/copy.jpg"
    copies = [name for name, row in rows.items() if row["exact_duplicate_of"] == first]
    assert len(copies) == 14 and "Training/Apple 1/r_0_100.jpg" in copies
    assert len({rows[name]["duplicate_group"] for name in [*copies, "Test/Apple 1/copy.jpg"]}) == 1
    assert rows["Test/Apple 1/copy.jpg"]["exact_duplicate_of"] is None
    assert rows["Training/Apple 2/r_3_100.jpg"]["exact_duplicate_of"].endswith("Quince/r_0_100.jpg")
    assert "17 images in 2 groups; 15 are exact copies" in done.stdout


def test_leaks_name_their_twin_in_training(planted, output):
    done = inspect(output, "--leaks")
    leaks = {row["path"].split("/in/")[1]: row for row in rows_of(output) if row["reasons"]}
    assert {name: row["leak_of"].split("/in/")[1] for name, row in leaks.items()} == {
        "Test/Apple 1/copy.jpg": "Training/Apple 1/copy \\x5cx41 00.jpg",
        "Test/Quince/r_0_100.jpg": "Training/Apple 2/r_3_100.jpg"}
    assert all(row["leak_distance"] == 0 and row["split"] == "Test" for row in leaks.values())
    assert "2 of 2 images outside Training have a twin there" in done.stdout


def test_leaks_near_enough_without_digests(tmp_path):
    rows, labels, _ = clusters(classes=4, of_each=20)
    rows[40] = rows[3] + 1e-4
    splits = ["b" if i >= 40 else "a" for i in range(80)]
    splits[:30] = ["train_1"] * 30
    write_components(tmp_path, rows, labels, splits)
    done = inspect(tmp_path, "--leaks")
    assert "80 of 80 images have no digest of a run" in done.stderr
    (leak,) = [row for row in rows_of(tmp_path) if row["reasons"]]
    assert leak["path"] == "/in/00040.png" and leak["leak_of"] == "/in/00003.png"
    assert leak["leak_distance"] == pytest.approx(1e-4 * 20 ** 0.5, rel=1e-2)


def test_images_of_one_split_leak_nothing(tmp_path):
    rows, labels, _ = clusters(classes=2, of_each=20)
    write_components(tmp_path, rows, labels)
    assert "all images are of one split" in inspect(tmp_path).stdout
    assert with_reason(rows_of(tmp_path), "leak") == []


def test_the_drop_list_keeps_one_of_a_group(planted, output, tmp_path):
    inspect(output, "--duplicates", "--drop-list", tmp_path / "drop.txt")
    names = (tmp_path / "drop.txt").read_text().splitlines()
    assert len(names) == 15 and "Training/Apple 1/copy \\x41 00.jpg" in names
    assert "Test/Apple 1/copy.jpg" not in names
    for name in names:
        assert (planted / "in" / name).exists()
    inspect(output, "--leaks", "--duplicates", "--drop-list", tmp_path / "drop.txt", "--overwrite")
    names = (tmp_path / "drop.txt").read_text().splitlines()
    assert len(names) == 15 and "Test/Apple 1/copy.jpg" in names


def test_a_drop_list_that_cannot_be_written(output, tmp_path):
    done = inspect(output, "--drop-list", tmp_path / "none/drop.txt", code=1)
    assert "drop.txt" in done.stderr and done.stderr.count("\n") == 1


def test_limits_of_what_may_be_found(output):
    rows = 36 + 15
    for limit, code in (("duplicates:17", 0), ("duplicates:16", 4), ("duplicates:34%", 0),
                        ("duplicates:33%", 4), ("leaks:2,duplicates:0", 4), ("leaks:2", 0)):
        done = inspect(output, "--fail-on", limit, "--overwrite", code=code)
        assert (table_folder(output, "inspection", "parquet") / "_SUCCESS").exists()
        assert ("--fail-on allows" in done.stderr) == (code == 4)
        assert f"images      {rows}" in done.stdout
    assert done.stdout.startswith("images")
    done = inspect(output, "--fail-on", "duplicates:16", "--overwrite", "--progress", "json",
                   code=4)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert events[-1]["outcome"] == "too much found" and events[-1]["duplicates"] == 17


def test_csv_says_the_same(output):
    inspect(output)
    parquet, csv = read_parquet(output, "inspection"), read_csv(output, "inspection", "csv")
    assert [name.replace("_string", "") for name in csv.columns] == parquet.column_names
    assert [json.loads(text) for text in csv.reasons_string] == parquet["reasons"].to_pylist()
    for name in ("path", "suggested_label", "leak_of"):
        assert csv[name].tolist() == [text or "" for text in parquet[name].to_pylist()]


def test_what_is_not_asked_is_empty(output):
    inspect(output, "--leaks")
    for row in rows_of(output):
        assert row["outlier_score"] is row["label_score"] is row["duplicate_group"] is None
        assert set(row["reasons"]) <= {"leak"}


def test_the_summary_counts_what_the_table_has(output):
    done = inspect(output, "--progress", "json")
    end = json.loads(done.stderr.splitlines()[-1])
    rows = rows_of(output)
    for reason, check in CHECKS.items():
        assert end[check] == len(with_reason(rows, reason))
    assert end["outliers"] == len({*with_reason(rows, "outlier"),
                                   *with_reason(rows, "class_outlier")})
    assert end["rows"] == len(rows)


def fails(output, message, *arguments):
    done = inspect(output, *arguments, code=1)
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not list(output.glob("inspection/**/_SUCCESS"))


def test_what_is_missing_is_named(output):
    shutil.rmtree(output / "neighbours/parquet")
    fails(output, "holds no complete table of neighbours in Parquet: write it with 'verger "
          "neighbours'")
    shutil.rmtree(output / "pca")
    fails(output, "holds no components")


def test_neighbours_of_other_images(output, tmp_path):
    rows, labels, _ = clusters(classes=2, of_each=20)
    write_components(tmp_path / "other", rows, labels)
    shutil.rmtree(output / "neighbours")
    shutil.copytree(tmp_path / "other/neighbours", output / "neighbours")
    done = inspect(output, code=1)
    assert "40 images that are not in the PCA table" in done.stderr
    assert "its table of neighbours has none of the images of the PCA table" in done.stderr


def test_a_timestamp_is_taken_once(output):
    inspect(output)
    assert "--overwrite" in inspect(output, code=1).stderr


def test_killed_at_many_changes_of_the_disk(output, tmp_path):
    """_SUCCESS stands only beside a whole table, and the call can be repeated."""
    if not LIBRARY.exists():
        pytest.skip("a sanitizer must come first of what is preloaded")
    command = [str(BUILD / "verger"), "inspect", str(output), "--timestamp", TS, "--progress",
               "none", "--overwrite"]
    before, count = len(successes(output)), tmp_path / "count"
    subprocess.run(command, env=environment(output, count=count), check=True, timeout=60)
    changes = int(count.read_text())
    for number in range(1, changes, changes // 30):
        done = subprocess.run(command, env=environment(output, number), capture_output=True,
                              timeout=60)
        assert done.returncode == -signal.SIGKILL
        for kind in ("parquet", "csv"):
            folder = table_folder(output, "inspection", kind)
            if (folder / "_SUCCESS").exists():
                assert len(parts(folder)) == 1
    inspect(output, "--overwrite")
    assert len(successes(output)) - before == 2
    assert leftovers(output / "inspection") == []


def test_duckdb_answers_the_document(output):
    duckdb = pytest.importorskip("duckdb")
    inspect(output)
    done = verger("report", output, "-o", output / "page.html", "--explore", "--progress", "none")
    assert done.returncode == 0, done.stderr
    document = (ROOT / "docs" / "explore.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", document, re.S)
    answers = [duckdb.sql(query.replace("'out/", f"'{output}/")).fetchall() for query in queries]
    agree, taken_for, first, different, twins, around = answers
    rows, table = rows_of(output), read_parquet(output, "neighbours").to_pylist()
    assert sum(images for *_, images in agree) == len(rows)
    assert sum(share * images for _, share, images in agree) == pytest.approx(
        sum(row["neighbour_labels"][0] == row["label"] for row in table))
    assert sum(images for _, _, images, _ in taken_for) == len(with_reason(rows, "label"))
    for label in ("Apple 1", "Pear 1"):
        ranked = sorted((row for row in rows if row["label"] == label),
                        key=lambda row: row["outlier_rank"])
        assert [path for name, path, *_ in first if name == label] == \
            [row["path"] for row in ranked[:3]]
    assert ("Apple 1", 26, 12) in different and ("Pear 1", 12, 12) in different
    assert [(has_twin, images) for has_twin, images, _ in twins] == [(True, 2)]
    assert around[0][2] == 0 and len(around) == 10


def test_the_table_for_other_programs(planted, output):
    done = verger("report", output, "-o", output / "page.html", "--explore", "--progress", "none")
    assert done.returncode == 0, done.stderr
    (folder,) = (output / "explore").iterdir()
    assert (folder / "_SUCCESS").exists() and str(folder) in done.stdout
    (part,) = parts(folder)
    found = pyarrow.parquet.read_table(part).to_pylist()
    components = read_parquet(output, "pca").to_pylist()
    assert [row["path"] for row in found] == [row["path"] for row in components]
    for row, one in zip(found, components):
        assert [row[f"component_{i}"] for i in (1, 2, 3)] == pytest.approx(one["pca_features"][:3])
        picture = Image.open(io.BytesIO(row["thumbnail"]))
        assert picture.format == "WEBP" and picture.size == (32, 32)
        assert numpy.isfinite([row["x"], row["y"]]).all() and len(row["neighbour_paths"]) == 10
    original = Image.open(found[-1]["path"]).convert("RGB").resize((32, 32))
    drawn = Image.open(io.BytesIO(found[-1]["thumbnail"])).convert("RGB")
    assert numpy.abs(numpy.asarray(drawn, int) - numpy.asarray(original, int)).mean() < 16


def test_the_table_without_neighbours_and_thumbnails(output):
    shutil.rmtree(output / "neighbours")
    done = verger("report", output, "-o", output / "page.html", "--explore", "--thumbnails", "none",
                  "--progress", "none")
    assert done.returncode == 0, done.stderr
    (part,) = output.glob("explore/*/*.parquet")
    for row in pyarrow.parquet.read_table(part).to_pylist():
        assert row["thumbnail"] is row["outlier_score"] is None and row["neighbour_paths"] == []
        assert row["x"] == row["component_1"]
