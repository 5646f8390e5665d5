"""verger-emr: the group of commands, the options that all have, and how they end."""

from __future__ import annotations

import functools
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Optional, Sequence

import click

from verger import __version__
from verger.emr import settings as settings_room
from verger.emr.aws import Aws
from verger.emr.console import Console
from verger.emr.dry_run import Recorder
from verger.emr.outcomes import Interrupted, Outcome
from verger.emr.settings import Settings

EPILOG = """Exit status: 0 done; 1 the job failed; 2 wrong usage; 3 a check failed; 4 AWS refused
(rights, quota, capacity); 130 interrupted, and what still runs is said."""


@dataclass
class Tool:
    """What every command works with. The clock and the sleep are given, so that a test needs
    not wait."""

    settings: Settings
    aws: Aws
    console: Console
    now: Callable[[], datetime] = field(default=lambda: datetime.now(timezone.utc))
    sleep: Callable[[float], None] = time.sleep

    @property
    def is_dry(self) -> bool:
        return self.aws.is_dry

    def show_requests(self) -> None:
        """What --dry-run kept from being sent."""
        assert self.aws.recorder
        requests = self.aws.recorder.requests
        self.console.document({"requests": [request.as_dict() for request in requests]})
        for request in requests:
            self.console.say(request.cli())
        if not requests:
            self.console.say("nothing would be changed")


class OrderedGroup(click.Group):
    """Lists its commands in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=OrderedGroup, context_settings={"help_option_names": ["-h", "--help"]},
             epilog=EPILOG)
@click.version_option(version=__version__, prog_name="verger-emr")
def verger_emr() -> None:
    """Verger on AWS: from an empty account to tables, at a price that is said before.

    \b
    verger-emr setup --bucket fruits-of-ours     the account, once
    verger-emr verify                            is everything in place?
    verger-emr upload --data fruits              images, archive, weights
    verger-emr run full                          estimate, job, tables
    """


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of every command, and hands it a Tool."""

    @functools.wraps(command)
    def wrapped(*, config: Optional[Path], profile: Optional[str], region: Optional[str],
                allow_region: tuple[str, ...], as_json: bool, yes: bool, dry_run: bool,
                **words: Any) -> Any:
        context = click.get_current_context()
        flags = {"profile": profile, "region": region, "allow_regions": allow_region,
                 **{name: words[name] for name in settings_room.FIELDS if name in words}}
        settings = settings_room.load(flags, file=config)
        settings.check_region()
        made = context.obj if isinstance(context.obj, dict) else {}
        tool = Tool(settings, Aws(settings.region, settings.profile,
                                  Recorder() if dry_run else None),
                    Console(as_json, yes), **made)
        result = command(tool, **words)
        if dry_run:
            tool.show_requests()
        return result

    options = [
        click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                     help="Settings [default: verger-emr.toml here or above]."),
        click.option("--profile", help="Of the AWS CLI's configuration."),
        click.option("--region", help="Of AWS [default: the settings', eu-west-1]."),
        click.option("--allow-region", multiple=True, metavar="NAME",
                     help="A region outside the European Union that is allowed."),
        click.option("--json", "as_json", is_flag=True, help="Results for programs."),
        click.option("--yes", is_flag=True, help="Do not ask; data still wants its name typed."),
        click.option("--dry-run", is_flag=True,
                     help="Show the requests that would change something, send none."),
    ]
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def main(words: Optional[Sequence[str]] = None, **made: Any) -> int:
    """Runs a command line and gives its exit status. `made` are fields of Tool, for tests."""
    # The commands register themselves.
    from verger.emr import commands_account, commands_runs  # noqa: F401

    given = list(sys.argv[1:] if words is None else words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        verger_emr.main(given, prog_name="verger-emr", standalone_mode=False, obj=made)
        return 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except Outcome as outcome:
        return _tell(outcome, given)
    except (KeyboardInterrupt, click.Abort):
        return _tell(Interrupted("interrupted; nothing was left running by this command"), given)
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _tell(outcome: Outcome, words: Sequence[str]) -> int:
    options = list(words[:words.index("--")]) if "--" in words else list(words)
    if "--json" in options:
        Console(as_json=True).document({
            "event": "end", "outcome": outcome.kind, "exit_code": outcome.exit_code,
            "error": outcome.message, "remedy": outcome.remedy or None})
    else:
        print(f"verger-emr: {outcome.message}", file=sys.stderr)
        if outcome.remedy:
            print(f"  do: {outcome.remedy}", file=sys.stderr)
    return outcome.exit_code
