"""What pip brings has a digest for all that tools/setup names."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(path.stem for path in (ROOT / "tools/locks").glob("*.txt") if path.stem != "jars")


def without_extras(requirement):
    return re.sub(r"\[.*\]", "", requirement)


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_what_is_asked_for(name):
    asked = subprocess.run([ROOT / "tools/setup", "requirements", name], capture_output=True,
                           text=True, check=True).stdout.split()
    lines = (ROOT / f"tools/locks/{name}.txt").read_text().splitlines()
    locked = {without_extras(line.split()[0]) for line in lines if not line.startswith(" ")}
    missing = [requirement for requirement in asked if without_extras(requirement) not in locked]
    assert not missing, f"run tools/lock {name}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_digest(name):
    text = (ROOT / f"tools/locks/{name}.txt").read_text()
    for package in re.split(r"\n(?=\S)", text.strip()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), package


def test_jars_have_digests():
    setup = (ROOT / "tools/setup").read_text()
    named = {f"{artifact}-{version}.jar" for artifact, version in
             re.findall(r"[\w.]+:([\w.-]+):(\d[\w.]*)", " ".join(re.findall(r"_jars=\((.*?)\)", setup, re.S)))}
    digests = dict(line.split("  ")[::-1] for line in
                   (ROOT / "tools/locks/jars.txt").read_text().splitlines())
    assert named and named == set(digests)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests.values())


def test_what_has_another_digest_is_refused(tmp_path):
    """pip itself, over a package that lies on the disk."""
    wheel = tmp_path / "nothing-1-py3-none-any.whl"
    wheel.write_bytes(b"PK\x05\x06" + bytes(18))
    lock = tmp_path / "lock.txt"
    lock.write_text(f"nothing==1 --hash=sha256:{'0' * 64}\n")
    done = subprocess.run([ROOT / ".deps/venv/bin/pip", "install", "--disable-pip-version-check",
                           "--no-index", "--find-links", tmp_path, "--require-hashes", "--target",
                           tmp_path / "target", "-r", lock], capture_output=True, text=True)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
