"""What a machine does that a run can't help: folders that can't be listed, disks that go,
locks and renames that a file system lacks."""

import pytest
from conftest import SEEDED, features, model_info, successes
from failing_machine import ended, environment, run, without_rights

CLASS = "Training/Apple 2"


# --- Folders that can't be listed ------------------------------------------------------------

def check_left_out(done, output, folder, images):
    assert f"cannot list {folder}" in done.stderr and "images are left out" in done.stderr
    assert "1 folder that could not be listed" in done.stdout
    assert len(features(output)) == images


def test_folder_without_permission(own_fruits, tmp_path):
    folder = own_fruits / CLASS
    folder.chmod(0)
    done = run(own_fruits, tmp_path / "out", code=3, wrap=without_rights)
    check_left_out(done, tmp_path / "out", folder, 16)
    assert "permission denied" in done.stderr
    done = ended("metadata", own_fruits, tmp_path / "out", code=3, wrap=without_rights)
    assert f"cannot list {folder}" in done.stderr
    # Whose names may be read, but not what they lead to.
    folder.chmod(0o600)
    done = run(own_fruits, tmp_path / "again", code=3, wrap=without_rights)
    check_left_out(done, tmp_path / "again", folder, 16)
    folder.chmod(0o700)


def test_folder_that_goes(own_fruits, tmp_path):
    done = run(own_fruits, tmp_path / "out", code=3,
               env=environment("list", "ENOENT", below=CLASS))
    check_left_out(done, tmp_path / "out", own_fruits / CLASS, 16)


def test_folders_too_deep_for_a_name(own_fruits, tmp_path):
    import os
    start = os.getcwd()
    try:
        os.chdir(own_fruits)
        for _ in range(300):
            os.mkdir("twenty letters a name")
            os.chdir("twenty letters a name")
    finally:
        os.chdir(start)
    done = run(own_fruits, tmp_path / "out", code=3)
    assert "name is too long" in done.stderr
    assert len(features(tmp_path / "out")) == 24


@pytest.mark.parametrize("name,words", [("lost+found", []), (".Trash-1000", []),
                                        ("attic", ["--exclude", "**/attic"])])
def test_folders_that_hold_no_image_of_the_run(own_fruits, tmp_path, name, words):
    (own_fruits / "Training" / name).mkdir(mode=0)
    done = run(own_fruits, tmp_path / "out", *words, wrap=without_rights)
    assert "cannot list" not in done.stderr


def test_input_without_permission(own_fruits, tmp_path):
    own_fruits.chmod(0)
    done = run(own_fruits, tmp_path / "out", code=1, wrap=without_rights)
    assert "permission denied" in done.stderr
    own_fruits.chmod(0o700)
    done = run(own_fruits, tmp_path / "out", code=1,
               env=environment("list", "EIO", below=CLASS))
    assert "the device reports an error" in done.stderr
    assert not (tmp_path / "out").exists()


# --- Disks and shares that go -------------------------------------------------------------------

@pytest.mark.parametrize("error,says", [("EIO", "the device reports an error"),
                                        ("ESTALE", "network share has changed"),
                                        ("ENOTCONN", "mount it again")])
def test_disk_that_goes(own_fruits, tmp_path, error, says):
    done = run(own_fruits, tmp_path / "out", "--part-rows", 8, "--threads", 1, code=1,
               env=environment("read", error, below=".jpg", first=13))
    assert says in done.stderr and done.stderr.rstrip().endswith("then --resume")
    assert successes(tmp_path / "out") == []
    run(own_fruits, tmp_path / "out", "--part-rows", 8, "--resume")
    run(own_fruits, tmp_path / "whole", "--part-rows", 8)
    assert features(tmp_path / "out").tobytes() == features(tmp_path / "whole").tobytes()


def test_no_image_that_is_one(own_fruits, tmp_path):
    """Tables without a row would hide the good ones of an earlier run."""
    good, bad = "20250101_000000", "20250102_000000"
    words = ["-k", 2, *SEEDED, "--timestamp"]
    ended("run", own_fruits, tmp_path / "out", *words, good)
    for path in own_fruits.rglob("*.jpg"):
        path.write_bytes(b"no picture")
    done = ended("run", own_fruits, tmp_path / "out", *words, bad, code=1)
    assert "none of 24 images gave features; most often: " in done.stderr
    assert all(bad not in path for path in successes(tmp_path / "out"))
    ended("pca", tmp_path / "out", tmp_path / "again", "-k", 2, "--timestamp", bad)
    assert good in model_info(tmp_path / "again", bad)["features"]
