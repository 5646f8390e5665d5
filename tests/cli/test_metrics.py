"""--metrics FILE, read as a collector reads it."""
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
PHASES = {"list", "extract", "fit", "project", "read", "match", "layout", "draw", "commit"}


def read(path):
    """{(sample, its labels but run): value}, after all that the format asks for."""
    text = path.read_text()
    assert text.endswith("\n")
    lines = text.splitlines()
    samples, families = {}, list(text_string_to_metric_families(text))
    for family in families:
        assert family.documentation and family.type in ("gauge", "counter", "summary"), family
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("run") == path.stem
            assert sample.name.endswith("_total") == (family.type == "counter")
            key = (sample.name, *labels.values())
            assert key not in samples, f"twice: {key}"
            samples[key] = sample.value
    for kind in ("HELP", "TYPE"):
        named = [line.split()[2] for line in lines if line.startswith(f"# {kind} ")]
        assert named == list(dict.fromkeys(re.sub("_(sum|count)$", "", name) for name, *_ in samples)), kind
    assert len(lines) == len(samples) + 2 * len(families)
    return samples


def info(samples):
    [labels] = [key[1:] for key in samples if key[0] == "verger_info"]
    return labels


def alone(path):
    """No temporary file stays."""
    return [name for name in os.listdir(path.parent) if name.startswith(path.stem)] == [path.name]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "fruits.prom"


def test_a_run(call, images_and_a_text, tmp_path, file):
    before = time.time()
    done = call("run", images_and_a_text, tmp_path / "out", "-k", 3, "--metrics", file)
    assert done.returncode == 3
    samples = read(file)
    command, version, kernels = info(samples)
    assert command == "run" and f"verger {version} " in call("--version").stdout
    assert f"{kernels} kernels" in done.stdout
    assert samples["verger_images_selected",] == 41
    assert samples["verger_images_total", "extracted"] == 40
    assert samples["verger_images_total", "failed"] == 1
    assert samples["verger_rows_projected_total",] == 40
    assert samples["verger_exit_code",] == 3
    assert ("verger_last_success_time_seconds",) not in samples
    start, end = (samples[f"verger_run_{which}_time_seconds",] for which in ("start", "end"))
    assert before <= start <= end <= time.time()
    assert {key[1] for key in samples if key[0] == "verger_phase"} == PHASES
    assert not any(value for key, value in samples.items() if key[0] == "verger_phase")
    phases = sum(samples["verger_phase_seconds", phase] for phase in PHASES)
    assert 0 < phases <= end - start
    assert all(samples["verger_step_seconds_total", step] > 0
               for step in ("decode", "resize", "network"))
    assert samples["verger_resident_memory_peak_bytes",] >= \
        samples["verger_resident_memory_bytes",] > 1 << 20
    assert samples["verger_cpu_seconds_total",] > 0 and samples["verger_open_files",] >= 3
    assert alone(file)


def test_the_other_commands(call, images, tmp_path, file):
    out = tmp_path / "out"
    assert call("metadata", images, out, "--metrics", file).returncode == 0
    samples = read(file)
    assert info(samples)[0] == "metadata"
    assert (samples["verger_images_selected",], samples["verger_exit_code",]) == (40, 0)

    assert call("run", images, out, "-k", 3, "-q").returncode == 0
    assert call("pca", out, tmp_path / "again", "-k", 2, "--metrics", file).returncode == 0
    samples = read(file)
    assert info(samples)[0] == "pca"
    assert samples["verger_rows_projected_total",] == 40


def test_a_run_that_finds_all_done(call, images, tmp_path, file):
    for kept in (0, 40):
        done = call("run", images, tmp_path / "out", "-k", 3, "--update", "--metrics", file)
        assert done.returncode == 0
        samples = read(file)
        assert samples["verger_images_selected",] == 40
        assert samples["verger_images_total", "extracted"] == 40
        assert samples["verger_images_kept",] == kept


def test_every_metric_is_documented(call, images, tmp_path, file):
    assert call("run", images, tmp_path / "out", "-k", 3, "--metrics", file).returncode == 0
    documented = set(re.findall(r"^\| `(verger_\w+)", DOCUMENT.read_text(), re.M))
    classifier = tmp_path / "c"
    assert call("classify", "train", tmp_path / "out", classifier, "--folds", 0).returncode == 0
    of_answers = tmp_path / "camera.prom"
    done = call("predict", classifier, images, "--model", "seeded:7", "--metrics", of_answers)
    assert done.returncode == 0, done.stderr
    answers = read(of_answers)
    assert answers["verger_answers_total", "known"] == answers["verger_answer_seconds_count",] == 40
    assert "verger_phase" not in {name for name, *_ in answers}
    names = {re.sub("_(sum|count)$", "", name) for name, *_ in [*read(file), *answers]}
    assert names == documented


def test_the_last_success_is_kept(call, images, tmp_path, file):
    assert call("metadata", images, tmp_path / "out", "--metrics", file).returncode == 0
    success = read(file)["verger_last_success_time_seconds",]
    assert success == read(file)["verger_run_end_time_seconds",]
    for _ in range(2):
        done = call("metadata", tmp_path / "absent", tmp_path / "out", "--metrics", file)
        assert done.returncode == 1
        samples = read(file)
        assert samples["verger_exit_code",] == 1
        assert samples["verger_last_success_time_seconds",] == success


@pytest.mark.parametrize("name", [b'a "quoted" \\ and\na second line.prom', b"b\xffd\xc3\xa9.prom"])
def test_names_are_escaped(call, images, tmp_path, name):
    path = os.fsencode(tmp_path) + b"/" + name
    done = call("metadata", images, tmp_path / "out", "--metrics", os.fsdecode(path))
    assert done.returncode == 0
    [family, *_] = text_string_to_metric_families(Path(os.fsdecode(path)).read_text())
    expected = name.decode(errors="backslashreplace").removesuffix(".prom")
    assert family.samples[0].labels["run"] == expected


def test_credentials_stay_out(call, tmp_path, file):
    done = call("metadata", "s3://AKIASECRET:hunter2@bucket?unheard=of", tmp_path / "out",
                "--metrics", file)
    assert done.returncode == 1
    assert not re.search("AKIASECRET|hunter2", file.read_text())


# --- A file that cannot be written

def test_refused_before_the_work(call, images, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for place, reason in {tmp_path / "absent" / "file": "No such file or directory",
                          images: "no regular file", "/dev/full": "no regular file",
                          tmp_path / "link": "no regular file"}.items():
        done = call("run", images, tmp_path / "out", "-k", 3, "--metrics", place)
        assert done.returncode == 1
        assert str(place) in done.stderr and reason in done.stderr
        assert not (tmp_path / "out").exists()
    assert os.path.exists("/dev/full") and (tmp_path / "link").is_symlink()


def test_later_failures_are_warned_of_once(verger, environment, images, tmp_path):
    """The folder goes away between the first time and the last."""
    folder = tmp_path / "folder"
    folder.mkdir()
    process = listing(verger, environment, images, tmp_path, folder / "file.prom")
    wait_for(lambda: (folder / "file.prom").exists())
    folder.rename(tmp_path / "gone")
    _, messages = process.communicate("Training/Banana/0_100.jpg\nTraining/Banana/1_100.jpg\n",
                                      timeout=60)
    assert process.returncode == 0
    assert messages.count("warning: the metrics cannot be written") == 1


# --- While the command works

def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def listing(verger, environment, images, tmp_path, file):
    """A run that waits for the names of its images, and says nothing meanwhile."""
    return subprocess.Popen([verger, "run", images, tmp_path / "out", "--files-from", "-", "-k",
                             "1", "--metrics", file], env=environment, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_silent_job_is_written_of_and_an_interruption(verger, environment, images, tmp_path,
                                                        file):
    process = listing(verger, environment, images, tmp_path, file)
    wait_for(file.exists)
    first = file.stat()
    samples = read(file)
    assert ("verger_exit_code",) not in samples
    assert ("verger_run_end_time_seconds",) not in samples
    wait_for(lambda: file.stat().st_mtime > first.st_mtime)
    assert 9 < file.stat().st_mtime - first.st_mtime < 15
    assert file.stat().st_ino != first.st_ino, "it was written in place"
    read(file)
    process.send_signal(signal.SIGINT)
    process.communicate("Training/Banana/0_100.jpg\n", timeout=60)
    assert process.returncode == 130
    assert read(file)["verger_exit_code",] == 130
    assert alone(file)
