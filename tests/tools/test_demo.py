"""tools/demo in a checkout of its own: with photographs and weights, and without."""

import os
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
# Nothing listens there, so that no weights can be fetched.
NOWHERE = "http://127.0.0.1:9/weights.h5"


@pytest.fixture
def checkout(tmp_path):
    """A folder with the tools and the built command, and no ../shared beside it."""
    folder = tmp_path / "above" / "checkout"
    (folder / "build").mkdir(parents=True)
    shutil.copytree(ROOT / "tools", folder / "tools")
    (folder / ".deps").mkdir()
    (folder / ".deps" / "venv").symlink_to(ROOT / ".deps" / "venv")
    (folder / "build" / "verger").symlink_to(BUILD / "verger")
    return folder


def environment(checkout, **more):
    kept = {name: value for name, value in os.environ.items()
            if name not in ("FRUITS", "VERGER_MODEL")}
    return {**kept, "XDG_CACHE_HOME": str(checkout / "cache"), "VERGER_MODEL_URL": NOWHERE, **more}


def demo(checkout, cwd="/", **more):
    return subprocess.run([checkout / "tools/demo", checkout / "build"], cwd=cwd, text=True,
                          env=environment(checkout, **more), stdin=subprocess.DEVNULL,
                          capture_output=True)


def draw(folder, count):
    subprocess.run([ROOT / "tools/generate-fruits", "--classes", "4", "--count", str(count),
                    folder], check=True, stdout=subprocess.DEVNULL)


def test_own_photographs(checkout, tmp_path):
    draw(tmp_path / "fruits", 60)
    for _ in range(2):
        done = demo(checkout, FRUITS=str(tmp_path / "fruits"), VERGER_MODEL="seeded:7")
        assert done.returncode == 0, done.stderr
        assert "60" in done.stdout
        for table in ("features/parquet/features_", "pca/parquet/pca_", "model_info/variance_"):
            assert table in done.stdout
        assert "Apple Golden 1" in done.stdout
        page = checkout / "build/demo-output/report.html"
        assert f"Open this page in a browser: {page}" in done.stdout and page.stat().st_size > 50000
    runs = list((checkout / "build/demo-output/features/parquet").iterdir())
    assert len(runs) == 1, "a demo replaces the one before it"


def test_shared_sample_is_unpacked_once(checkout, tmp_path):
    draw(tmp_path / "fruits", 60)
    sample = checkout.parent / "shared" / "fruits-360"
    sample.mkdir(parents=True)
    with tarfile.open(sample / "fruits-360-sample.tar", "w") as tar:
        tar.add(tmp_path / "fruits", ".")
    first = demo(checkout, VERGER_MODEL="seeded:7")
    assert first.returncode == 0, first.stderr
    assert "Unpacking ../shared/fruits-360/fruits-360-sample.tar into" in first.stdout
    again = demo(checkout, VERGER_MODEL="seeded:7")
    assert again.returncode == 0, again.stderr
    assert "Unpacking" not in again.stdout


def test_without_photographs_and_weights(checkout):
    done = demo(checkout)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line]
    assert "drawn from a seed" in lines[0]
    assert "drawn from a seed" in lines[-1]
    assert "drawing 480 synthetic fruit photographs" in done.stdout
    assert "480" in done.stdout


def test_a_missing_model_that_was_named_is_not_passed_over(checkout, tmp_path):
    draw(tmp_path / "fruits", 60)
    done = demo(checkout, FRUITS=str(tmp_path / "fruits"), VERGER_MODEL="/nowhere/model.safetensors")
    assert done.returncode == 1
    assert "/nowhere/model.safetensors" in done.stderr


def test_a_failed_run_fails_the_demo(checkout, tmp_path):
    (tmp_path / "empty").mkdir()
    assert demo(checkout, FRUITS=str(tmp_path / "empty"), VERGER_MODEL="seeded:7").returncode == 1


def test_interrupt_leaves_nothing_half_done(checkout):
    running = subprocess.Popen([checkout / "tools/demo", checkout / "build"], text=True,
                               env=environment(checkout, VERGER_MODEL="seeded:7"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    # Drawing starts right after this line.
    for line in running.stdout:
        if "drawing" in line:
            break
    os.killpg(running.pid, signal.SIGINT)
    running.communicate()
    assert running.returncode == 130
    assert [path.name for path in (checkout / "build").iterdir()] == ["verger"]
