"""Runs from and to buckets, and what they wrote, for the tests of s3://."""

import re

import conftest
from conftest import BUILD, SEEDED, TS, model_info, read_csv, read_parquet, verger

WORDS = ["-k", "5", *SEEDED, "--timestamp", TS]


def run(source, output, *arguments, environment, code=0, **options):
    """verger run; the environment is a gateway's or a proxy's."""
    done = verger("run", source, output, *WORDS, *arguments, env=environment, **options)
    assert done.returncode == code, done.stderr
    return done


def popen_words(source, output, *arguments):
    return [str(BUILD / "verger"), "run", str(source), str(output), *WORDS, *map(str, arguments)]


def below(column, source):
    """Paths relative to the input; each must begin with it."""
    source = str(source).rstrip("/") + "/"
    assert all(path.startswith(source) for path in column), list(column)
    return [path.removeprefix(source) for path in column]


def feature_rows(output, source):
    """Path, label and the bytes of the features."""
    table = read_parquet(output, "features")
    rows = [row.tobytes() for row in table.column("features").to_numpy()]
    return list(zip(below(table.column("path").to_pylist(), source),
                    table.column("label").to_pylist(), rows))


def tables(output, source):
    """All that a run says of its images, whatever the place of input and output."""
    pca, csv = read_parquet(output, "pca"), read_csv(output, "pca", "csv")
    metadata, variance = read_csv(output, "metadata"), read_csv(output, "variance")
    features_csv = read_csv(output, "features", "csv")
    return {
        "features": feature_rows(output, source),
        "features as CSV": list(zip(below(features_csv.path, source), features_csv.features_string)),
        "pca": list(zip(below(pca.column("path").to_pylist(), source),
                        [row.tobytes() for row in pca.column("pca_features").to_numpy()])),
        "pca as CSV": list(zip(below(csv.path, source), csv.pca_features_string)),
        "metadata": list(zip(below(metadata.path, source), metadata.label)),
        "variance": variance.values.tolist(),
        "components": model_info(output)["variance_by_component"],
    }


def error_rows(output, source):
    if not conftest.table_folder(output, "errors").exists():
        return []
    errors = read_csv(output, "errors")
    return list(zip(below(errors.path, source), errors.error))


def says(pattern, text):
    return re.search(pattern, text, re.DOTALL) is not None
