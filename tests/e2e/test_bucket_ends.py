"""What is everybody's fault ends a run, and --resume tries again what could not be read."""

import pytest
from buckets import WORDS, error_rows, run, tables
from conftest import TS, fill, successes, table_folder, verger
from store.gateway import environment, free_port

INPUT = "s3://grove"
WITHOUT_TIME = WORDS[:WORDS.index("--timestamp")]


@pytest.fixture(scope="module")
def undisturbed(gateway):
    fill(gateway.bucket("grove"), per_class=6)
    output = gateway.bucket("tables") / "grove"
    run(INPUT, "s3://tables/grove", environment=gateway.environment())
    return output


def fault(status, code, path="/grove/*.jpg", **more):
    return {"match": {"method": "GET", "path": path}, "times": None,
            "action": {"status": status, "code": code}, **more}


def test_a_session_that_ends_costs_a_part(gateway, fault_proxy, undisturbed, tmp_path):
    fault_proxy.replay(fault(400, "ExpiredToken", first=9))
    words = ["--part-rows", 4, "--threads", 1]
    done = run(INPUT, tmp_path / "out", *words, code=1, environment=environment(fault_proxy.endpoint))
    assert "ExpiredToken (HTTP 400): the session has ended: take new credentials, then --resume" \
        in done.stderr
    assert successes(tmp_path / "out") == []
    fault_proxy.replay()
    fault_proxy.forget()
    done = run(INPUT, tmp_path / "out", *words, "--resume",
               environment=environment(fault_proxy.endpoint))
    assert tables(tmp_path / "out", INPUT)["features"] == tables(undisturbed, INPUT)["features"]
    assert fault_proxy.count("GET object", "/grove/*.jpg") < 18  # whole parts were kept


def test_a_network_that_is_gone(gateway, undisturbed, fault_proxy, tmp_path):
    """The gateway goes after the listing: a proxy of a kind that nobody answers."""
    nobody = f"http://127.0.0.1:{free_port()}"
    done = verger("run", INPUT, tmp_path / "out", *WORDS,
                  env={**environment(nobody), "AWS_MAX_ATTEMPTS": "2"})
    assert done.returncode == 1 and not (tmp_path / "out").exists()
    fault_proxy.replay({"match": {"method": "GET", "path": "/grove/*.jpg"}, "times": None,
                        "action": {"reset": "before"}})
    done = verger("run", INPUT, tmp_path / "out", *WORDS,
                  env={**environment(fault_proxy.endpoint), "AWS_MAX_ATTEMPTS": "2"})
    assert done.returncode == 1, done.stderr
    assert "none of 18 images gave features: mend that, then --resume" in done.stderr
    assert successes(tmp_path / "out") == []


def test_many_images_in_a_row_that_can_not_be_read(gateway, fault_proxy, tmp_path):
    fill(gateway.bucket("plantation"), per_class=101)
    fault_proxy.replay(fault(403, "AccessDenied", "/plantation/Training/[!A]*"))
    done = run("s3://plantation", tmp_path / "out", code=1,
               environment=environment(fault_proxy.endpoint))
    assert "100 images in a row cannot be read" in done.stderr and "--exclude" in done.stderr
    assert successes(tmp_path / "out") == []


def test_resume_tries_again_what_could_not_be_read(fault_proxy, undisturbed, tmp_path):
    """In a run of its own, once there is something to be had: complete tables stay as they are."""
    variables = environment(fault_proxy.endpoint)
    denied = "/grove/Training/Apple 1/*"
    fault_proxy.replay(fault(403, "AccessDenied", denied))
    first = run(INPUT, tmp_path / "out", code=3, environment=variables)
    assert "reason" in first.stdout and "AccessDenied (HTTP 403)" in first.stdout
    assert "(6 of 6 that failed)" in first.stdout
    again = ["run", INPUT, tmp_path / "out", *WITHOUT_TIME, "--resume"]
    same = verger(*again, env=variables)
    assert same.returncode == 3 and "nothing was left to do" in same.stdout
    # The words of the complete run: its tables are not changed.
    fault_proxy.replay()
    same = verger(*again, "--timestamp", TS, env=variables)
    assert same.returncode == 3, same.stderr

    fault_proxy.forget()
    mended = verger(*again, env=variables)
    assert mended.returncode == 0, mended.stderr
    assert "12 images' features" in mended.stdout and "6 failed before" in mended.stdout
    # One that looks whether it can be read again, and the six; before that those that were on their
    # way when the first of them told that the part is not the one of before.
    assert 8 <= fault_proxy.count("GET object", "/grove/*.jpg") <= 13
    (newest,) = [p for p in (tmp_path / "out/features/parquet").iterdir() if TS not in p.name]
    ts = newest.name.removeprefix("features_")
    assert table_folder(tmp_path / "out", "errors").exists()
    assert not table_folder(tmp_path / "out", "errors", ts=ts).exists()
    assert len(error_rows(tmp_path / "out", INPUT)) == 6
    done = verger(*again, env=variables)
    assert done.returncode == 0 and "nothing was left to do" in done.stdout


def test_resume_reads_again_what_a_part_lacks(fault_proxy, undisturbed, tmp_path):
    """A run that was broken off, with an image in a whole part that could not be read."""
    variables = environment(fault_proxy.endpoint)
    words = ["--part-rows", 6, "--threads", 1]
    fault_proxy.replay(fault(403, "AccessDenied", "/grove/Training/Apple 1/r_0_100.jpg"),
                       fault(400, "ExpiredToken", "/grove/Training/Pear 1/*"))
    run(INPUT, tmp_path / "out", *words, code=1, environment=variables)
    fault_proxy.replay()
    done = run(INPUT, tmp_path / "out", *words, "--resume", environment=variables)
    assert "part 0 is extracted again: images that it could not read" in done.stderr
    assert tables(tmp_path / "out", INPUT)["features"] == tables(undisturbed, INPUT)["features"]
    assert "0 failed" in done.stdout
