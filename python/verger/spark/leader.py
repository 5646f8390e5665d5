"""The process of the command that leads a run: it lists, names the parts that are wanted, and puts
together what came."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any, Mapping, Optional, Sequence

from verger._command import environment, find_command
from verger.spark.telling import JobError, say

SECONDS_TO_END = 30


class Leader:
    """`verger run --hand-out`. For a `with` block: a run that is left early keeps its parts."""

    def __init__(self, words: Sequence[str], hands: int, variables: Mapping[str, str],
                 log_level: str, folder: Optional[str] = None) -> None:
        """folder: where it works, for a model that is named from there."""
        command = [str(find_command()), "run", *words, "--hand-out", str(hands), "--progress", "json",
                   "--log-level", log_level]
        self._process = subprocess.Popen(command, cwd=folder, env={**environment(), **variables},
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)
        self._end: dict[str, Any] = {}
        self._last_line = ""  # of what is no event, such as a word that is wrong
        self._listener = threading.Thread(target=self._listen, name="verger-leader", daemon=True)
        self._listener.start()

    def wanted(self) -> Optional[dict[str, Any]]:
        """timestamp and parts, the numbers of those that have to be extracted; None where nothing is
        to be handed out. JobError where the run ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line.startswith(b"{"):  # and not the summary
            return dict(json.loads(line))
        self.finish()
        return None

    def go_on(self) -> None:
        """The parts are there."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"done\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended, and `finish` says why

    def finish(self) -> dict[str, Any]:
        """Waits for its end; the figures of the command's event "end". JobError where it failed."""
        code = self._process.wait()
        self._listener.join()
        if code not in (0, 3):
            raise JobError(self._end.get("error") or self._last_line or
                           f"the command ended with {code}")
        return self._end

    def __enter__(self) -> Leader:
        return self

    def __exit__(self, *_exception: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.close()  # at which it ends, if it waits
        except BrokenPipeError:
            pass
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            text = line.decode("utf-8", "backslashreplace").rstrip("\n")
            try:
                event = json.loads(text)
            except ValueError:
                if text.startswith("verger: "):
                    self._last_line = text[len("verger: "):]
                print(text, file=sys.stderr, flush=True)
                continue
            if event.get("event") == "end":
                self._end = event
            if event.get("event") == "log":
                level = "" if event["level"] == "info" else f"{event['level']}: "
                say(f"{level}{event['message']}")
        self._process.stderr.close()
