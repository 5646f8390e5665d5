"""verger predict - --stream: a camera's images through a pipe, to a line each."""

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import threading

import pytest
from conftest import BUILD, run, verger
from PIL import Image

from pictures import encoded, photograph

MODEL = ["--model", "seeded:7"]
SIZE = (64, 48)


@pytest.fixture(scope="module")
def classifier(fruits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    run(fruits, folder / "out")
    done = verger("classify", "train", folder / "out", folder / "c", "--folds", 2, "--progress", "none")
    assert done.returncode == 0, done.stderr
    return folder / "c"


@pytest.fixture(scope="module")
def frames():
    """JPEGs of a camera, a thumbnail among the data of one."""
    made = [encoded(photograph(700 + i, SIZE), quality=90) for i in range(6)]
    thumbnail = encoded(photograph(3, (16, 12)))
    exif = Image.Exif()
    exif[0x010E] = "thumbnail " + "x" * 10
    made[2] = encoded(photograph(702, SIZE), quality=90, exif=exif.tobytes() + thumbnail)
    made[4] = encoded(photograph(704, SIZE), quality=90, progressive=True)
    return made


@pytest.fixture(scope="module")
def expected(classifier, frames, tmp_path_factory):
    """What is said of the same images as files."""
    folder = tmp_path_factory.mktemp("files")
    for i, data in enumerate(frames):
        (folder / f"{i}.jpg").write_bytes(data)
    done = verger("predict", classifier, folder, *MODEL, "--format", "json")
    return [{k: v for k, v in json.loads(line).items() if k != "path"} for line in done.stdout.splitlines()]


def command(classifier, kind, *options):
    return [BUILD / "verger", "predict", classifier, "-", "--stream", kind, "--format", "json",
            *MODEL, *map(str, options)]


def stream(classifier, kind, data, *options, code=0):
    done = subprocess.run(command(classifier, kind, *options), input=data, capture_output=True)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def numbered(answers, numbers):
    return [{"frame": number, **answer} for number, answer in zip(numbers, answers)]


def test_mjpeg_is_answered_as_files_are(classifier, frames, expected):
    found, told = stream(classifier, "mjpeg", b"".join(frames))
    assert found == numbered(expected, range(1, 7))
    assert re.search(r"6 images, 0 failed, \d+ unknown; milliseconds an image: p50 [\d.]+, p90 [\d.]+, p99 [\d.]+", told)


def test_multipart_of_a_web_camera(classifier, frames, expected):
    parts = b"".join(b"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
                     % (len(data), data) for data in frames)
    found, told = stream(classifier, "mjpeg", parts)
    assert found == numbered(expected, range(1, 7))
    assert f"{len(parts) - sum(map(len, frames))} bytes between frames" in told


def without_huffman_tables(data):
    """As cameras send frames whose tables are those of the standard."""
    at, kept = 2, data[:2]
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2:at + 4], "big") + 2
        kept += b"" if data[at + 1] == 0xC4 else data[at:at + length]
        at += length
    return kept + data[at:]


def test_frames_of_cameras_that_leave_the_standard_tables_out(classifier, frames, expected):
    short = without_huffman_tables(frames[0])
    assert len(short) < len(frames[0])
    found, _ = stream(classifier, "mjpeg", short)
    assert found == numbered(expected[:1], [1])


def test_pixels(classifier, tmp_path):
    pictures = [photograph(900 + i, SIZE) for i in range(3)]
    for i, picture in enumerate(pictures):
        picture.save(tmp_path / f"{i}.png")
    done = verger("predict", classifier, tmp_path, *MODEL, "--format", "json")
    as_files = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in as_files:
        del answer["path"]
    pixels = b"".join(picture.tobytes() for picture in pictures)
    found, _ = stream(classifier, "frames", pixels, "--frame-size", "64x48")
    assert found == numbered(as_files, [1, 2, 3])
    found, told = stream(classifier, "frames", pixels[:-1], "--frame-size", "64x48", code=3)
    assert found[:2] == numbered(as_files, [1, 2])
    assert found[2] == {"frame": 3, "error": "frame 3: the stream ended within it"}
    assert "3 images, 1 failed" in told


@pytest.mark.parametrize("options", [[], ["--drop"]])
def test_a_frame_is_answered_before_the_next_is_sent(classifier, frames, expected, options):
    with subprocess.Popen(command(classifier, "mjpeg", *options), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for i, data in enumerate(frames):
            process.stdin.write(data[:100])
            process.stdin.flush()
            process.stdin.write(data[100:])
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"frame": i + 1, **expected[i]}
        process.stdin.close()
        assert process.wait(60) == 0
        assert b"6 images, 0 failed" in process.stderr.read()


def test_what_is_no_frame_gets_a_line_and_the_next_comes(classifier, frames, expected):
    text = b"\xff\xd8\xff\xfe\x00\x08noise!\xff\xd9"  # markers, but no image
    cut = frames[1][:len(frames[1]) // 2]
    data = b"junk" + frames[0] + text + frames[1] + cut + frames[3] + b"\0" * 50 + cut
    found, told = stream(classifier, "mjpeg", data, code=3)
    assert [found[i] for i in (0, 2, 4)] == numbered([expected[i] for i in (0, 1, 3)], [1, 3, 5])
    assert found[1]["frame"] == 2 and "frame 2: " in found[1]["error"]
    assert found[3] == {"frame": 4, "error": "frame 4: another one begins within it"}
    assert found[5] == {"frame": 6, "error": "frame 6: the stream ended within it"}
    assert len(found) == 6 and "6 images, 3 failed, " in told and ", 54 bytes between frames" in told


def test_what_holds_no_frame_at_all_is_no_stream_of_them(classifier):
    found, told = stream(classifier, "mjpeg", b"\x89PNG" + bytes(996), code=1)
    assert found == [] and "0 images, 0 failed, 0 unknown, 1000 bytes between frames" in told
    assert ("there is no JPEG in the 1000 bytes of standard input, and --stream mjpeg takes nothing else"
            in told)
    assert stream(classifier, "mjpeg", b"")[0] == []


def test_table_and_csv(classifier, frames, expected):
    data = frames[0] + frames[1][:200]
    words = command(classifier, "mjpeg")
    done = subprocess.run([*words, "--format", "csv"], input=data, capture_output=True)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert rows[0] == {"frame": "1", "label": expected[0]["label"],
                       "probability": str(expected[0]["probability"]),
                       "unknown": str(expected[0]["unknown"]).lower(), "error": ""}
    assert rows[1] == {"frame": "2", "label": "", "probability": "", "unknown": "",
                       "error": "frame 2: the stream ended within it"}
    done = subprocess.run([*words, "--format", "table"], input=data, capture_output=True)
    assert done.stdout.decode().splitlines() == [
        f"1\t{expected[0]['label']}\t{expected[0]['probability']:.6f}" +
        ("\tunknown" if expected[0]["unknown"] else ""),
        "2\t\t\tfailed: frame 2: the stream ended within it"]


def test_drop_keeps_to_the_newest(classifier, frames, expected):
    """A producer that never waits: all frames are answered or counted, the last one is answered."""
    count = 3000
    data = b"".join(frames[i % 6] for i in range(count))
    found, told = stream(classifier, "mjpeg", data, "--drop")
    numbers = [answer["frame"] for answer in found]
    assert numbers == sorted(set(numbers)) and numbers[-1] == count
    assert found == numbered([expected[(n - 1) % 6] for n in numbers], numbers)
    dropped = int(re.search(r"(\d+) images, 0 failed, \d+ unknown, (\d+) dropped", told)[2])
    assert len(found) + dropped == count and dropped > 0


def test_drop_never_takes_a_cut_frame_for_a_whole_one(classifier, frames, expected):
    data = frames[0] * 500 + frames[1] + frames[2][:90]
    found, _ = stream(classifier, "mjpeg", data, "--drop", code=None)  # 3 if the cut one was seen
    assert {"frame": 501, **expected[1]} in found


def test_drop_of_paths(classifier, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(photograph(1), "PNG"))
    names = b"".join(b"%d.png\n" % i for i in range(2000)) + f"{tmp_path}/a.png".encode()
    found, _ = stream(classifier, "paths", names, "--drop", code=None)
    assert found[-1]["path"] == f"{tmp_path}/a.png" and "label" in found[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [[], ["--drop"]])
def test_a_signal_ends_the_wait_for_a_frame(classifier, frames, number, options, tmp_path):
    metrics = tmp_path / "camera.prom"
    words = command(classifier, "mjpeg", *options, "--metrics", metrics)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdin.write(frames[0] + frames[1][:50])
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["frame"] == 1
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        told = process.stderr.read().decode().splitlines()
    assert "1 images, 0 failed" in told[0] and "p99" in told[0]
    assert told[1:] == ["verger: interrupted after 1 images"]
    assert f'verger_exit_code{{run="camera"}} {128 + number}' in metrics.read_text()


def test_a_signal_ends_an_endless_stream(classifier, frames):
    """One that comes faster than it is answered."""
    process = subprocess.Popen(command(classifier, "mjpeg"), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def produce():
        try:
            while True:
                process.stdin.write(frames[0])
        except OSError:  # it has ended
            pass

    producer = threading.Thread(target=produce)
    producer.start()
    for _ in range(5):
        assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    told = process.stderr.read().decode()
    assert process.wait(60) == 128 + signal.SIGTERM
    producer.join()
    with contextlib.suppress(OSError):  # of what is in its buffer
        process.stdin.close()
    assert re.search(r"\d+ images, 0 failed, \d+ unknown; milliseconds", told)


def test_an_endless_stream_ends_with_its_reader(classifier, frames):
    with open("/dev/full", "w") as full, open("/dev/zero", "rb") as zeros:
        done = subprocess.run(command(classifier, "frames", "--frame-size", "8x8"), stdin=zeros,
                              stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1 and b"cannot write to standard output" in done.stderr


def test_metrics(classifier, frames, expected, tmp_path):
    metrics = tmp_path / "camera.prom"
    stream(classifier, "mjpeg", b"".join(frames) + frames[0][:50], "--metrics", metrics, code=3)
    text = metrics.read_text()
    unknown = [answer["unknown"] for answer in expected].count(True)
    for sample in [f'verger_answers_total{{run="camera",outcome="known"}} {6 - unknown}',
                   f'verger_answers_total{{run="camera",outcome="unknown"}} {unknown}',
                   'verger_answers_total{run="camera",outcome="failed"} 1',
                   'verger_answers_total{run="camera",outcome="dropped"} 0',
                   'verger_answer_seconds_count{run="camera"} 6',
                   'verger_exit_code{run="camera"} 3']:
        assert sample in text
    p50, p90, p99 = (float(re.search(rf'verger_answer_seconds{{run="camera",quantile="{q}"}} (\S+)', text)[1])
                     for q in ("0.5", "0.9", "0.99"))
    assert 0 < p50 <= p90 <= p99
    assert "verger_phase" not in text and "verger_images" not in text


def test_a_stream_that_cannot_be_read(classifier, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    done = subprocess.run(command(classifier, "mjpeg"), stdin=folder, capture_output=True)
    os.close(folder)
    assert done.returncode == 1
    assert done.stderr == b"verger: standard input cannot be read: Is a directory\n"
