"""The same bits whatever the threads; parts end where they should."""

import pytest
from conftest import (TS, features, files_below, model_info, parts, read_csv, read_parquet, run,
                      table_folder)


@pytest.fixture(scope="module")
def one_thread(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("one")
    run(fruits, output, "--threads", 1, "--part-rows", 10)
    return output


@pytest.mark.parametrize("threads", [2, 7])
def test_threads_change_no_bit(fruits, tmp_path, one_thread, threads):
    run(fruits, tmp_path, "--threads", threads, "--part-rows", 10)
    for table, kind in (("features", "parquet"), ("pca", "parquet")):
        ours = parts(table_folder(tmp_path, table, kind))
        theirs = parts(table_folder(one_thread, table, kind))
        assert len(ours) == len(theirs) == 3
    assert features(tmp_path).tobytes() == features(one_thread).tobytes()
    assert model_info(tmp_path)["threads"] == threads
    first, second = model_info(tmp_path), model_info(one_thread)
    assert first["variance_by_component"] == pytest.approx(second["variance_by_component"], rel=1e-9)
    for table, kind in (("features", "csv"), ("metadata", None)):
        ours = [p.read_bytes() for p in parts(table_folder(tmp_path, table, kind))]
        assert ours == [p.read_bytes() for p in parts(table_folder(one_thread, table, kind))]


def test_pin_changes_no_bit(fruits, tmp_path, one_thread):
    run(fruits, tmp_path, "--threads", 2, "--pin", "--part-rows", 10)
    assert features(tmp_path).tobytes() == features(one_thread).tobytes()


@pytest.mark.parametrize("rows,expected", [(1, [1] * 24), (7, [7, 7, 7, 3]), (8, [8, 8, 8]),
                                           (24, [24]), (25, [24])])
def test_parts_end_where_they_should(fruits, tmp_path, one_thread, rows, expected):
    import pyarrow.parquet
    run(fruits, tmp_path, "--part-rows", rows)
    for table in ("features", "pca"):
        files = parts(table_folder(tmp_path, table, "parquet"))
        assert [pyarrow.parquet.read_metadata(f).num_rows for f in files] == expected
        assert [int(f.name.split("-")[1]) for f in files] == list(range(len(expected)))
    assert features(tmp_path).tobytes() == features(one_thread).tobytes()
    info = model_info(tmp_path)["variance_by_component"]
    assert info == pytest.approx(model_info(one_thread)["variance_by_component"], rel=1e-9)
    assert (read_csv(tmp_path, "metadata").path == read_parquet(tmp_path, "pca").to_pandas().path).all()


def test_part_of_failed_images_only(own_fruits, tmp_path):
    for path in (own_fruits / "Training" / "Apple 2").iterdir():
        path.write_bytes(b"")
    run(own_fruits, tmp_path / "out", "--part-rows", 8, code=3)
    files = parts(table_folder(tmp_path / "out", "features", "parquet"))
    assert len(files) == 3
    assert features(tmp_path / "out").shape == (16, 1280)
    assert len(read_csv(tmp_path / "out", "errors")) == 8
    assert len(read_csv(tmp_path / "out", "pca", "csv")) == 16
    assert f"errors/errors_{TS}/_SUCCESS" in files_below(tmp_path / "out")
