"""download: the tables of one run, complete and counted, whatever happened on the way."""

import json

import pytest
from conftest import BUCKET, write_tables

RUN = "20261128-134500-"


@pytest.fixture
def done(account):
    account.call("run", "mini", "--yes", "--no-download")
    return account


def features(account, folder="tables"):
    return next((account.folder / folder).glob("features/parquet/features_*/part-0.parquet"))


def key_of(account, table):
    return next(key for key in account.keys("output/") if f"/{table}_" in key
                and not key.endswith("_SUCCESS"))


def test_what_is_there_is_not_fetched_again(done):
    first = done.call("download", "--json").json
    second = done.call("download", "--json").json
    assert first["fetched_bytes"] > 0 == second["fetched_bytes"] and second["images"] == 4


def test_it_goes_on_where_it_was_broken_off(done):
    done.call("download")
    whole = features(done)
    content = whole.read_bytes()
    etag = done.s3.head_object(Bucket=BUCKET, Key=key_of(done, "features/parquet/features"))["ETag"]
    whole.unlink()
    whole.with_name(f".{whole.name}.{etag[1:-1]}.coming").write_bytes(content[:100])
    said = done.call("download", "--json").json
    assert said["fetched_bytes"] == len(content) - 100
    assert whole.read_bytes() == content


def test_success_comes_last(done, monkeypatch):
    from verger.emr import results
    names = []
    fetch = results._fetch
    monkeypatch.setattr(results, "_fetch", lambda aws, bucket, item, path: (
        names.append(item.name), fetch(aws, bucket, item, path))[1])
    done.call("download")
    marks = [name.endswith("_SUCCESS") for name in names]
    assert marks == sorted(marks) and any(marks)


@pytest.mark.parametrize("table", ["features/parquet/features", "metadata", "model_info"])
def test_a_table_without_success(done, table):
    folder = key_of(done, table).rpartition("/")[0]
    done.s3.delete_object(Bucket=BUCKET, Key=f"{folder}/_SUCCESS")
    said = done.call("download", status=3)
    assert "has no _SUCCESS" in said.err and not (done.folder / "tables").exists()


def test_a_table_that_is_missing(done):
    for key in done.keys("output/metadata/"):
        done.s3.delete_object(Bucket=BUCKET, Key=key)
    assert "there is no metadata/" in done.call("download", status=3).err


def test_rows_that_do_not_agree(done):
    key = key_of(done, "model_info/model_info")
    done.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({"num_images_processed": 10}))
    assert "3 rows and model_info says 10 images" in done.call("download", status=3).err


def test_tables_of_other_runs_stay_away(done):
    write_tables(done.s3, ["in", f"s3://{BUCKET}/output", "--timestamp", "20200101_000000"])
    done.call("download")
    assert not list((done.folder / "tables").glob("**/*20200101*"))


def test_a_key_that_leads_elsewhere(done):
    folder = key_of(done, "metadata").rpartition("/")[0]
    done.s3.put_object(Bucket=BUCKET, Key=f"{folder}/../../../../outside.csv", Body=b"x")
    said = done.call("download", status=3)
    assert "outside of tables" in said.err and not (done.folder.parent / "outside.csv").exists()


def test_a_run_that_goes_on_has_no_tables_yet(account):
    account.call("run", "mini", "--yes", "--detach")
    assert "verger-emr watch" in account.call("download", "last", status=3).err


def test_a_run_that_failed_has_none(account, world):
    import world as worlds
    world.lives = [worlds.Life(outcome="FAILED", reason="x")]
    account.call("run", "mini", "--yes", status=1)
    assert "logs" in account.call("download", "last", status=1).err
