"""Standard streams that are closed, or that nobody reads."""
import os
import subprocess

import pyarrow.parquet as parquet


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_closed_pipe_ends_quietly(verger, environment):
    for words in (["--version"], ["help", "run"], ["completion", "bash"], ["completion", "zsh"]):
        writer = closed_pipe()
        done = subprocess.run([verger, *words], env=environment, stdout=writer,
                              stderr=subprocess.PIPE, text=True)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_run_goes_on_when_nobody_reads(verger, environment, images, tmp_path):
    for style in ("json", "bar"):
        writer = closed_pipe()
        out = tmp_path / style
        done = subprocess.run([verger, "run", images, out, "-k", "3", "--progress", style],
                              env=environment, stdout=writer, stderr=writer)
        os.close(writer)
        assert done.returncode == 0
        assert len(list(out.glob("pca/parquet/pca_*/_SUCCESS"))) == 1


def test_a_run_goes_on_when_its_monitor_dies(verger, environment, images, tmp_path):
    process = subprocess.Popen([verger, "run", images, tmp_path / "out", "-k", "3", "--progress",
                                "json"], env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr.readline().startswith(b'{"event": "start"')
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert len(list(tmp_path.glob("out/pca/parquet/pca_*/_SUCCESS"))) == 1


def test_streams_closed_by_the_caller(verger, environment, images, tmp_path):
    """No message may end up in a table that got the number of a closed stream."""
    out = tmp_path / "out"
    done = subprocess.run(["bash", "-c", '"$@" <&- >&- 2>&-', "-", verger, "run", images, out,
                           "-k", "3"], env=environment)
    assert done.returncode == 1
    [features] = out.glob("features/parquet/features_*")
    assert parquet.read_table(features).num_rows == 40
    for file in out.rglob("*"):
        if file.is_file():
            assert b"verger: " not in file.read_bytes(), file


def test_full_disk_as_standard_output_keeps_the_tables(call, images, tmp_path):
    with open("/dev/full", "w") as full:
        done = call("run", images, tmp_path / "out", "-k", 3, "--progress", "none",
                    "--log-level", "error", stdout=full)
    assert done.returncode == 1
    assert done.stderr == "verger: cannot write to standard output: No space left on device\n"
    assert len(list(tmp_path.glob("out/pca/csv/pca_*/_SUCCESS"))) == 1
