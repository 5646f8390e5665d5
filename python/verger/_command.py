"""What pip installs as `verger` and `verger-spark`, and the weights that the command fetches."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn, Optional

PACKAGE = Path(__file__).resolve().parent
NO_COMMAND = PACKAGE / "lib" / "no-command.txt"


def end(message: str) -> NoReturn:
    sys.exit(f"verger: error: {message}")


def own_command() -> Optional[Path]:
    """$VERGER_COMMAND, that of the wheel, or of the source tree's build."""
    named = os.environ.get("VERGER_COMMAND")
    if named:
        return Path(named)
    places = [PACKAGE / "bin" / "verger", PACKAGE.parents[1] / "build" / "verger"]
    return next((place for place in places if place.exists()), None)


def find_command() -> Optional[Path]:
    """The package's own, else that on PATH."""
    found = own_command()
    on_path = shutil.which("verger") if found is None else None
    return Path(on_path) if on_path else found


def environment() -> dict[str, str]:
    """Where the command finds Arrow: in pyarrow, of which the wheel has no copy."""
    import pyarrow

    libraries = [*pyarrow.get_library_dirs(), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, libraries))}


def main() -> None:
    command = own_command()
    if command is None:
        reason = NO_COMMAND.read_text().strip() if NO_COMMAND.exists() else (
            "this wheel has the library alone")
        end(f"the command is not installed: {reason}\nIts own build brings it: run `make` in the "
            "sources, or install what is missing and call pip again")
    surroundings = environment()
    loaded = subprocess.run([command, "--version"], env=surroundings, capture_output=True, text=True)
    if loaded.returncode == 127:  # of the dynamic linker
        end(f"the command was built for another pyarrow than the one installed: call pip again to "
            f"build it for this one\n{loaded.stderr.strip()}")
    os.execve(command, [str(command), *sys.argv[1:]], surroundings)


def spark_main() -> int:
    return int(importlib.import_module("verger.spark.__main__").main())


def fetch_weights() -> None:
    """`verger model fetch`, which checks and converts what it fetches. FileNotFoundError says what
    to do where there is no command, or no network."""
    command = find_command()
    surroundings = environment()
    if command is None:
        raise FileNotFoundError("there are no weights on this machine, and no command verger that "
                                "fetches them: give a model, or set VERGER_MODEL")
    done = subprocess.run([command, "model", "fetch"], env=surroundings, stdout=subprocess.DEVNULL,
                          stderr=None if sys.stderr.isatty() else subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise FileNotFoundError("there are no weights on this machine, and they cannot be "
                                f"fetched: {(done.stderr or '').strip() or 'see above'}")
