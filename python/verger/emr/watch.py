"""One loop that looks at a run until nothing of it costs anything any more.

It is one window among several: closing it changes nothing, for the run ends by itself. What
it can do beside looking is to end what should have ended and did not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Callable, Optional

from verger.emr import runs
from verger.emr.aws import EXPIRED, THROTTLED, Aws
from verger.emr.console import Console, euro_text, time_text
from verger.emr.outcomes import Interrupted, Refused
from verger.emr.runs import View
from verger.emr.settings import Settings

SECONDS = 20  # between two looks; AWS throttles who asks too often
PATIENCE = 900  # without any answer of AWS
START_LIMIT = 1800  # of a cluster whose step does not begin
GRACE = 900  # beyond the time limit, that `timeout` on the cluster should have kept


@dataclass
class Watch:
    """Looks at a run and tells what changes."""

    aws: Aws
    settings: Settings
    console: Console
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    usd_per_hour: float = 0.0  # for the cost so far; 0 does not show it
    limit_seconds: Optional[float] = None
    follow: Optional[Callable[[View], None]] = None  # called after each look
    shown: str = ""
    dice: random.Random = field(default_factory=random.Random)
    running_since: Optional[datetime] = None
    ended_by_us: str = ""

    def until_gone(self, view: View) -> View:
        """The last view. Raises Interrupted, or Refused when AWS does not answer any more; the
        run goes on then, and both say so."""
        try:
            self.show(view)
            while not (view.is_gone or (view.is_kept and view.is_over)):
                self.sleep(SECONDS * self.dice.uniform(0.9, 1.1))
                view = self.look(view)
                self.show(view)
                self.end_what_hangs(view)
                if self.follow:
                    self.follow(view)
        except KeyboardInterrupt:
            return self.leave_or_stop(view)
        finally:
            if self.console.is_live:
                self.console.redraw("")
        return view

    def look(self, view: View) -> View:
        """Once more; waits longer where AWS is busy or the network is away."""
        waited, pause = 0.0, float(SECONDS)
        while True:
            try:
                return runs.refresh(self.aws, self.settings, view)
            except Refused as error:
                if error.code in EXPIRED or waited >= PATIENCE or not self.may_pass(error):
                    raise Refused(f"{error.message}. {_goes_on(view)}", error.remedy,
                                  error.code) from error
                self.console.note(f"  {error.message}; looking again in {time_text(pause)}")
                self.sleep(pause)
                waited += pause
                pause = min(120.0, pause * 2)

    @staticmethod
    def may_pass(error: Refused) -> bool:
        """Whether waiting can help."""
        return (error.code in THROTTLED or error.code.endswith("Error") or error.code in (
            "InternalServerException", "ServiceUnavailable", "InternalFailure"))

    def end_what_hangs(self, view: View) -> None:
        """The last net, as long as somebody watches."""
        if view.on != "ec2" or view.is_over or view.is_kept or self.ended_by_us:
            return
        now = self.now()
        if view.state == runs.RUNNING:
            self.running_since = self.running_since or now
            late = (self.limit_seconds is not None and
                    (now - self.running_since).total_seconds() > self.limit_seconds + GRACE)
            why = f"the step runs on beyond its limit of {time_text(self.limit_seconds or 0)}"
        else:
            late = view.seconds(now) > START_LIMIT
            why = f"the cluster is {view.detail} after {time_text(START_LIMIT)}"
        if late:
            self.console.note(f"  {why}: ending it")
            self.ended_by_us = why
            runs.stop(self.aws, view)

    def cost_so_far(self, view: View) -> float:
        return self.usd_per_hour * view.seconds(self.now()) / 3600

    def show(self, view: View) -> None:
        """A line for each change; on a terminal the time runs on in the last one."""
        usd = self.cost_so_far(view)
        state = f"{view.state}, {view.detail}" + (f": {view.reason}" if view.reason else "")
        if state != self.shown:
            if self.console.is_live:
                self.console.redraw("")
            self.shown = state
            if self.console.as_json:
                self.console.event("state", **view.as_dict(self.now()), usd=round(usd, 4))
            else:
                self.console.note(self.line(view, state, usd))
        if self.console.is_live and not view.is_over:
            self.console.redraw(self.line(view, state, usd))

    def line(self, view: View, state: str, usd: float) -> str:
        from verger.emr.prices import euros
        cost = f"  {euro_text(usd, euros(usd))}" if usd else ""
        return f"  {time_text(view.seconds(self.now())):>12}{cost}  {state}"

    def leave_or_stop(self, view: View) -> View:
        """After Ctrl-C: on a terminal the user chooses, and a second Ctrl-C stops."""
        stops = False
        if self.console.is_live and self.console.into.isatty():
            try:
                stops = self.console.ask("\nLeave it running, or stop it? [leave/stop]"
                                         ).startswith("s")
            except KeyboardInterrupt:
                stops = True
        if not stops:
            raise Interrupted(f"interrupted; {_goes_on(view)}", f"verger-emr watch {view.run}   "
                              f"(or stop {view.run})")
        runs.stop(self.aws, view)
        raise Interrupted(f"interrupted; {view.name} was told to stop",
                          f"verger-emr status {view.run}, to see that it is gone")


def _goes_on(view: View) -> str:
    if view.is_kept:
        return f"{view.name} goes on; its cluster {view.place} is kept until it is idle"
    return f"{view.name} goes on and ends by itself"
