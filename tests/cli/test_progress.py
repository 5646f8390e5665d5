"""--progress in its styles, and how signals end a run."""
import fcntl
import functools
import http.server
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

import jsonschema
import pytest

DOCUMENTS = Path(__file__).parents[2] / "docs"
PHASES = ["list", "extract", "fit", "project", "read", "match", "layout", "draw", "commit"]
SCHEMA = json.loads((DOCUMENTS / "progress.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
KINDS = SCHEMA["$defs"]


def known_keys(*kinds):
    return {key for kind in kinds for key in KINDS[kind]["properties"]}


def events(text):
    """Each line is one event as the schema has it; nothing else is there. A reader passes over
    keys that it does not know, a test does not."""
    found = [json.loads(line) for line in text.splitlines()]
    for event in found:
        VALIDATOR.validate(event)
        kinds = [event["event"]]
        if kinds == ["end"]:
            kinds += [kind for kind in KINDS if kind.startswith("end_of_")]
        assert set(event) <= known_keys(*kinds)
    return found


def check_whole(text, command):
    """The events of a command from its beginning to its end."""
    found = events(text)
    assert [e["event"] for e in found if e["event"] in ("start", "end")] == ["start", "end"]
    first, *_, last = found
    assert (first["event"], first["command"], last["event"]) == ("start", command, "end")
    assert set(last) == known_keys("end", f"end_of_{command}")
    return found


# --- Events

class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_events_of_a_run(call, images, tmp_path):
    done = call("run", images, tmp_path / "out", "-k", 3, "--progress", "json")
    assert done.returncode == 0
    first, *middle, last = check_whole(done.stderr, "run")
    assert (first["input"], first["output"]) == (str(images), str(tmp_path / "out"))
    assert (last["outcome"], last["exit_code"], last["error"]) == ("ok", 0, None)
    assert (last["selected"], last["extracted"], last["failed"]) == (40, 40, 0)
    assert last["components"] == 3 and 0 < last["total_variance"] <= 1
    assert os.path.isdir(last["features"]) and os.path.isdir(last["pca"])
    assert last["timestamp"] in last["features"]

    reports = [event for event in middle if event["event"] == "progress"]
    order = [PHASES.index(report["phase"]) for report in reports]
    assert order == sorted(order)
    for phase in PHASES:
        of_phase = [report for report in reports if report["phase"] == phase]
        assert [r["done"] for r in of_phase] == sorted(r["done"] for r in of_phase)
    for phase in ("extract", "project"):
        end = [report for report in reports if report["phase"] == phase][-1]
        assert (end["done"], end["total"], end["failed"]) == (40, 40, 0)
        assert end["per_second"] > 0 and end["seconds_left"] == 0
    messages = [event["message"] for event in middle if event["event"] == "log"]
    assert sum("have no meaning" in message for message in messages) == 1


def test_events_of_failed_images(call, images_and_a_text, tmp_path):
    done = call("run", images_and_a_text, tmp_path / "out", "-k", 3, "--progress", "json")
    assert done.returncode == 3
    found = check_whole(done.stderr, "run")
    assert found[-1]["outcome"] == "images failed" and found[-1]["exit_code"] == 3
    assert (found[-1]["selected"], found[-1]["failed"]) == (41, 1)
    warnings = [e["message"] for e in found if e["event"] == "log" and e["level"] == "warning"]
    assert any("\033[31mred.jpg" in message for message in warnings)
    assert "errors/errors_" in done.stdout


@pytest.mark.parametrize("command", ["run", "metadata", "pca"])
def test_events_of_a_failed_command(call, tmp_path, command):
    done = call(command, tmp_path / "absent", tmp_path / "out", "--progress", "json")
    assert done.returncode == 1 and done.stdout == ""
    last = check_whole(done.stderr, command)[-1]
    assert last["outcome"] == "failed" and "absent" in last["error"]


def test_events_of_a_download(call, environment, images, tmp_path):
    """What the server sends are no weights, which is known when all of them are there."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "weights.h5").write_bytes(bytes(3 << 20))
    del environment["VERGER_MODEL"]
    handler = functools.partial(SilentHandler, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        environment["VERGER_MODEL_URL"] = f"http://127.0.0.1:{server.server_port}/weights.h5"
        done = call("run", images, tmp_path / "out", "-k", 3, "--progress", "json", cwd=tmp_path)
        server.shutdown()
    found = check_whole(done.stderr, "run")
    downloads = [event for event in found if event["event"] == "download"]
    assert downloads and all(event["total"] in (3 << 20, None) for event in downloads)
    assert found[-1]["outcome"] == "failed" and "cannot fetch" in found[-1]["error"]


def test_events_of_the_other_commands(call, images, tmp_path):
    done = call("metadata", images, tmp_path / "out", "--progress", "json")
    last = check_whole(done.stderr, "metadata")[-1]
    assert (last["images"], last["labels"]) == (40, 2)
    assert os.path.isdir(last["metadata"])

    assert call("run", images, tmp_path / "out", "-k", 3, "-q").returncode == 0
    done = call("pca", tmp_path / "out", tmp_path / "again", "-k", 2, "--progress", "json")
    last = check_whole(done.stderr, "pca")[-1]
    assert (last["rows"], last["components"]) == (40, 2)
    assert os.path.isdir(last["pca"])


def test_the_document_names_what_the_schema_has():
    documented = set(re.findall(r"`\"?([\w ]+?)\"?`", (DOCUMENTS / "progress.md").read_text()))
    kinds = {kind for kind in KINDS if "properties" in KINDS[kind]}
    assert known_keys(*kinds) <= documented
    assert {kind for kind in kinds if "_" not in kind} <= {
        line.removeprefix("## ") for line in (DOCUMENTS / "progress.md").read_text().splitlines()}
    for kind, key in [("start", "command"), ("progress", "phase"), ("log", "level"),
                      ("end", "outcome")]:
        assert set(KINDS[kind]["properties"][key]["enum"]) <= documented


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for wrong in ({}, {"event": "log"}, {"event": "log", "level": "loud", "message": "x"},
                  {"event": "download", "done": -1, "total": None},
                  {"event": "end", "outcome": "ok", "exit_code": 1, "error": None}):
        assert not VALIDATOR.is_valid(wrong)
    assert VALIDATOR.is_valid({"event": "of a later version"})


def test_text_that_is_not_utf8(call, tmp_path):
    name = os.fsencode(tmp_path) + b"/b\xffd \"quoted\"\n"
    done = call("metadata", os.fsdecode(name), tmp_path / "out", "--progress", "json")
    assert done.returncode == 1
    assert events(done.stderr)[0]["input"] == f"{tmp_path}/b\\xffd \"quoted\"\n"


# --- Images that fail

@pytest.fixture(scope="module")
def images_and_texts(tmp_path_factory, images):
    """Forty images and five files that are none, the last of them empty."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "Training" / "Text").mkdir(parents=True)
    shutil.copytree(images / "Training" / "Apple Red 1", folder / "Training" / "Apple")
    for i in range(5):
        (folder / "Training" / "Text" / f"text{i}.jpg").write_text("no image" * (4 - i))
    return folder


@pytest.mark.parametrize("style", ["auto", "bar", "json", "none"])
@pytest.mark.parametrize("level, times", [("debug", 1), ("warning", 1), ("error", 0)])
def test_each_failed_image_is_named_once(call, images_and_texts, tmp_path, style, level, times):
    done = call("run", images_and_texts, tmp_path / "out", "-k", 3, "--progress", style,
                "--log-level", level)
    assert done.returncode == 3
    for i in range(5):
        assert done.stderr.count(f"Training/Text/text{i}.jpg") == times
    [errors] = tmp_path.glob("out/errors/errors_*/part-*.csv")
    assert errors.read_text().count(".jpg,") == 5


# --- Lines

def test_lines_where_no_terminal_is(call, images_and_a_text, tmp_path):
    done = call("run", images_and_a_text, tmp_path / "out", "-k", 3)
    assert done.returncode == 3
    assert "\r" not in done.stderr and "\033" not in done.stderr
    assert all(line.startswith("verger: ") for line in done.stderr.splitlines())
    assert re.search(r"^verger: extract: 41 images in [\d.]+ s, [\d.]+ images/s, 1 failed$",
                     done.stderr, re.M)
    assert r"\x1b[31mred.jpg" in done.stderr
    assert done.stdout.startswith("images    41, 1 failed\n")


def test_quiet(call, images, tmp_path):
    done = call("run", images, tmp_path / "out", "-k", 3, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("words", [("-q", "--log-level", "info"), ("--log-level", "info", "-q")])
def test_quiet_but_for_what_is_asked_for(call, tmp_path, words):
    (tmp_path / "in").mkdir()
    for name in "a.jpg", ".hidden.jpg":
        (tmp_path / "in" / name).touch()
    done = call("metadata", tmp_path / "in", tmp_path / "out", *words)
    assert (done.returncode, done.stdout) == (0, "") and "left out: 1 hidden file" in done.stderr


# --- The live line

class Screen:
    """As much of a terminal as the live line asks for."""

    def __init__(self, columns):
        self.columns, self.rows, self.column = columns, [""], 0

    def feed(self, text):
        for character in text:
            if character == "\r":
                self.column = 0
            elif character == "\n":
                self.rows.append("")
            else:
                assert self.column < self.columns - 1, "the last column was filled"
                row = self.rows[-1].ljust(self.column)
                self.rows[-1] = row[:self.column] + character + row[self.column + 1:]
                self.column += 1


def on_terminal(verger, words, environment, columns=100):
    """The exit status, and what a terminal as standard error got, in pieces."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([verger, *map(str, words)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=slave, env=environment,
                               start_new_session=True)
    os.close(slave)
    output = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        output += piece
    process.stdout.read()
    os.close(master)
    return process.wait(), output.decode()


@pytest.mark.parametrize("columns", [100, 60, 24])
def test_bar_on_a_terminal(verger, environment, images_and_a_text, tmp_path, columns):
    environment["NO_COLOR"] = "1"
    words = ["run", images_and_a_text, tmp_path / "out", "-k", 3, "--threads", 1,
             "--log-level", "error"]
    code, output = on_terminal(verger, words, environment, columns)
    assert code == 3
    assert "\033" not in output
    draws = [draw.rstrip() for draw in output.split("\r")]
    phases = [draw.split()[0] for draw in draws if draw]
    assert set(phases) <= set(PHASES) and "extract" in phases and "project" in phases
    if columns == 100:
        assert any(re.fullmatch(r"extract  \[[=> ]+\]  [ \d]+%  [ \d]+/41(  .*)?", d)
                   for d in draws)
    screen = Screen(columns)
    screen.feed(output)
    assert [row.strip() for row in screen.rows] == [""], "the live line is left on the screen"
    assert screen.column == 0


def test_messages_do_not_tear_the_bar(verger, environment, images_and_a_text, tmp_path):
    environment["NO_COLOR"] = "1"
    words = ["run", images_and_a_text, tmp_path / "out", "-k", 3, "--log-level", "debug"]
    code, output = on_terminal(verger, words, environment, 300)
    assert code == 3
    screen = Screen(300)
    screen.feed(output)
    assert all(row.startswith("verger: ") for row in screen.rows[:-1])
    assert screen.rows[-1].strip() == ""
    assert any(r"\x1b[31mred.jpg" in row for row in screen.rows)


def test_colour_only_where_it_is_wanted(verger, environment, tmp_path):
    """A run of texts alone warns of each and ends before the slow part."""
    folder = tmp_path / "in" / "Training" / "Text"
    folder.mkdir(parents=True)
    for i in range(3):
        (folder / f"{i}.jpg").write_text("not an image\n")
    words = ["run", tmp_path / "in", tmp_path / "out", "-k", 3]
    assert "\033[33mwarning: \033[0m" in on_terminal(verger, words, environment)[1]
    for change in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        output = on_terminal(verger, [*words, "--overwrite"], {**environment, **change})[1]
        assert "\033" not in output and "warning: " in output


def test_dumb_terminal_gets_lines(verger, environment, images, tmp_path):
    words = ["run", images, tmp_path / "out", "-k", 3]
    code, output = on_terminal(verger, words, {**environment, "TERM": "dumb"})
    assert code == 0
    assert "\r" not in output.replace("\r\n", "\n")
    assert "verger: extract: 40 images in " in output


def test_bar_where_it_is_asked_for(call, images, tmp_path):
    done = call("run", images, tmp_path / "out", "-k", 3, "--progress", "bar")
    assert done.returncode == 0 and "\rextract" in done.stderr


# --- Signals

def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def catches(process, number):
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.M)[1], 16)
    return caught >> (number - 1) & 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_tells_how_far_it_came(verger, environment, images, tmp_path, number):
    image = next(images.glob("Training/*/*.jpg"))
    many = tmp_path / "many" / "Training" / "Apple"
    many.mkdir(parents=True)
    for i in range(20000):
        os.link(image, many / f"{i}.jpg")
    process = subprocess.Popen([verger, "run", tmp_path / "many", tmp_path / "out", "-k", "3",
                                "--progress", "json"], env=environment, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "progress" and event["phase"] == "extract" and event["done"] > 0:
            break
    process.send_signal(number)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 128 + number
    last = events(rest)[-1]
    assert last["outcome"] == "interrupted"
    assert 0 < last["extracted"] < last["selected"] == 20000
    assert last["error"].startswith(f"interrupted after {last['extracted']} of 20000 images")
    assert process.stdout.read() == ""


def test_second_signal_ends_at_once(verger, environment, images, tmp_path):
    """A list on standard input that never ends keeps the first one waiting."""
    process = subprocess.Popen([verger, "run", images, tmp_path / "out", "--files-from", "-",
                                "-q"], env=environment, stdin=subprocess.PIPE)
    wait_for(lambda: catches(process, signal.SIGINT))

    def ended():
        process.send_signal(signal.SIGINT)
        return process.poll() is not None
    wait_for(ended)
    assert process.returncode == -signal.SIGINT
