"""What `make` and tools/setup promise: who builds installs nothing, and where nothing can be
installed the way to build is said."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def dry_run(target):
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(["make", "-n", "--no-print-directory", target], cwd=ROOT, check=True,
                          env=environment, capture_output=True, text=True).stdout


def test_plain_make_installs_nothing():
    commands = dry_run("all")
    assert "cmake --build" in commands
    assert "tools/setup needs" in commands  # what it says where CMake fails
    assert "tools/setup build" not in commands


def test_make_deps_and_make_demo_install():
    assert dry_run("deps").strip() == "tools/setup build"
    assert "tools/setup build" in dry_run("demo")


def test_a_system_without_apt(tmp_path):
    for name in ("bash", "cat", "dirname", "env", "grep", "id"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = subprocess.run([ROOT / "tools/setup", "build"], capture_output=True, text=True,
                          env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "without apt-get" in done.stderr
    assert "libjpeg-turbo" in done.stderr
    assert "cmake -S . -B build -G Ninja -DVERGER_ARROW=system" in done.stderr
