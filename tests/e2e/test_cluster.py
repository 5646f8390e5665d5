"""verger cluster, against scikit-learn on the same rows."""

import numpy
import pytest
from conftest import TS, leftovers, parts, read_csv, read_parquet, table_folder, verger
from sklearn import metrics
from sklearn.cluster import KMeans
from test_neighbours import write_features


def cluster(output, *arguments, code=0, **options):
    done = verger("cluster", output, "--timestamp", TS, "--progress", "none", *arguments, **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    random = numpy.random.default_rng(2)
    kinds = random.integers(0, 6, 500)
    rows = numpy.float32(2.5 * random.normal(size=(6, 24))[kinds] + random.normal(size=(500, 24)))
    paths = [f"kind {kind}/{i:04}.png" for i, kind in enumerate(kinds)]
    order = numpy.argsort(paths)
    folder = tmp_path_factory.mktemp("drawn")
    write_features(folder, rows[order], [paths[i] for i in order])
    return folder, rows[order].astype(numpy.float64), kinds[order]


def test_clusters_are_as_tight_as_scikit_learns(drawn):
    output, rows, kinds = drawn
    done = cluster(output, "-k", 9, "--overwrite")
    table = read_parquet(output, "clusters").to_pydict()
    labels = numpy.array(table["cluster"])
    centres = numpy.stack([rows[labels == c].mean(0) for c in range(9)])
    distances = numpy.linalg.norm(rows - centres[labels], axis=1)
    assert table["distance"] == pytest.approx(distances, rel=1e-3)
    other = KMeans(9, n_init=10, random_state=1).fit(rows)
    assert (distances ** 2).sum() <= 1.01 * other.inertia_
    # From these centres scikit-learn goes nowhere.
    again = KMeans(9, init=centres, n_init=1).fit(rows)
    assert (again.labels_ == labels).mean() > 0.99
    said = dict(zip(("purity", "ARI", "AMI", "homogeneity", "completeness", "V"),
                    (float(word.rstrip(",")) for word in done.stdout.split("labels")[1].split()
                     if "." in word and word[0] in "-01")))
    assert said["ARI"] == pytest.approx(metrics.adjusted_rand_score(kinds, labels), abs=1e-4)
    assert said["AMI"] == pytest.approx(metrics.adjusted_mutual_info_score(kinds, labels), abs=1e-4)
    assert said["V"] == pytest.approx(metrics.v_measure_score(kinds, labels), abs=1e-4)
    assert list(read_csv(output, "clusters", "csv")["cluster"]) == list(labels)
    assert leftovers(output) == []


def test_the_number_is_that_of_the_kinds(drawn):
    output, _, kinds = drawn
    done = cluster(output, "--overwrite")
    assert "rows      500 in 6 clusters of features" in done.stdout and "warning" not in done.stderr
    labels = numpy.array(read_parquet(output, "clusters")["cluster"].to_pylist())
    assert metrics.adjusted_rand_score(kinds, labels) == pytest.approx(1.0)


def test_a_number_that_is_only_the_most_that_was_tried(tmp_path):
    """Of pairs the more clusters there are, up to half the rows, the tighter they lie."""
    random = numpy.random.default_rng(4)
    pairs = numpy.float32(random.normal(size=(20, 16)).repeat(2, axis=0) + 0.01 * random.normal(size=(40, 16)))
    write_features(tmp_path, pairs, [f"kind {i % 7}/{i:02}.png" for i in range(40)])
    done = cluster(tmp_path)
    assert "rows      40 in 18 clusters" in done.stdout
    assert ("verger: warning: the silhouette still rises at 18 clusters, the most that were tried: it does not "
            "tell how many there are; name a number with -k, such as that of the labels, 7") in done.stderr
    assert "silhouette" not in cluster(tmp_path, "-k", 18, "--overwrite").stderr
    write_features(tmp_path / "unlabelled", pairs, [f"/{i:02}.png" for i in range(40)])
    assert cluster(tmp_path / "unlabelled").stderr.endswith("name a number with -k\n")


def test_images_without_a_label_agree_with_none(drawn, tmp_path):
    _, rows, kinds = drawn
    paths = [f"/{i:04}.png" if i % 4 == 0 else f"kind {kind}/{i:04}.png"
             for i, kind in enumerate(kinds)]
    write_features(tmp_path / "partly", numpy.float32(rows), paths)
    done = cluster(tmp_path / "partly", "-k", 4)
    table = read_parquet(tmp_path / "partly", "clusters").to_pandas()
    labelled = table[table.label != ""]
    index = metrics.adjusted_rand_score(labelled.label, labelled.cluster)
    assert len(labelled) == 375
    assert "labels    6: purity" in done.stdout and f"ARI {index:.4f}" in done.stdout
    assert "unlabelled 125 images" in done.stdout
    write_features(tmp_path / "none", numpy.float32(rows), [f"/{i:04}.png" for i in range(500)])
    done = cluster(tmp_path / "none", "-k", 4)
    assert "purity" not in done.stdout and "unlabelled 500 images" in done.stdout


def test_the_same_bytes_on_any_threads(drawn):
    output = drawn[0]
    seen = set()
    for threads in (1, 3):
        cluster(output, "-k", 7, "--threads", threads, "--overwrite", "--format", "csv")
        seen.add(tuple(part.read_bytes() for part in parts(table_folder(output, "clusters", "csv"))))
    assert len(seen) == 1


def test_what_is_refused(drawn, tmp_path):
    assert "501 clusters of 500 rows" in cluster(drawn[0], "-k", 501, "--overwrite", code=1).stderr
    write_features(tmp_path, numpy.eye(3))
    assert "3 rows are too few to choose" in cluster(tmp_path, code=1).stderr
    write_features(tmp_path / "alike", numpy.ones((8, 5)))
    assert "all rows are alike: no number of clusters" in cluster(tmp_path / "alike", code=1).stderr
    cluster(drawn[0], "-k", 3, "--overwrite")
    assert "is there already" in cluster(drawn[0], "-k", 3, code=1).stderr or \
        "exist" in cluster(drawn[0], "-k", 3, code=1).stderr
