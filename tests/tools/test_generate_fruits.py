"""tools/generate-fruits: the layout, the counts, the same bytes again."""

import hashlib
import subprocess
from pathlib import Path

from PIL import Image

TOOL = Path(__file__).resolve().parents[2] / "tools" / "generate-fruits"


def generate(folder, *options):
    return subprocess.run([TOOL, *map(str, options), folder], capture_output=True, text=True)


def content(folder):
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()}


def test_layout_is_that_of_fruits_360(tmp_path):
    done = generate(tmp_path / "out", "--classes", 17, "--per-class", 2, "--test-per-class", 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"51 photographs in {tmp_path}/out\n"
    files = sorted(content(tmp_path / "out"))
    assert len(files) == 51
    assert files.count("Training/Apple Red 1/0_100.jpg") == 1
    assert files.count("Test/Apple Red 2/0_100.jpg") == 1
    for path in files:
        with Image.open(tmp_path / "out" / path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (100, 100))


def test_same_seed_same_bytes(tmp_path):
    options = ["--classes", 3, "--per-class", 4]
    for name, seed, jobs in [("first", 5, 1), ("again", 5, 3), ("other", 6, 1)]:
        assert generate(tmp_path / name, *options, "--seed", seed, "--jobs", jobs).returncode == 0
    first, again, other = (content(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert not set(first.values()) & set(other.values())
    assert len(set(first.values())) == 12, "no two photographs are alike"


def test_count_is_shared_among_the_classes(tmp_path):
    assert generate(tmp_path, "--classes", 3, "--count", 601).returncode == 0
    counts = sorted(len(list(folder.iterdir())) for folder in (tmp_path / "Training").iterdir())
    assert counts == [200, 200, 201]


def test_bad_options_are_refused(tmp_path):
    assert generate(tmp_path, "--classes", 0).returncode == 2
    assert generate(tmp_path, "--count", -1).returncode == 2
    (tmp_path / "file").write_text("")
    done = generate(tmp_path / "file", "--classes", 1, "--per-class", 1)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
