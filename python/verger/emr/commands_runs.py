"""The commands of what lives minutes: run, list, status, watch, logs, download, cost, stop,
cluster."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, Optional

import click

from verger.emr import cluster as clusters
from verger.emr import logs as log_room
from verger.emr import results, runner, runs
from verger.emr.cluster import ClusterPlan
from verger.emr.command_line import Tool, common, verger_emr
from verger.emr.console import bytes_text, euro_text, table, time_text
from verger.emr.cost import FRUITS, Estimate, estimate_ec2, estimate_serverless
from verger.emr.identity import KEPT_PREFIX, new_run
from verger.emr.images_in import MODES
from verger.emr.outcomes import CheckFailed, JobFailed
from verger.emr.prices import euros, instance_price, known_families
from verger.emr.prices import table as price_table
from verger.emr.runner import Asked
from verger.emr.runs import View
from verger.emr.spark_words import SERVERLESS_GB, SERVERLESS_VCPUS

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType):  # type: ignore[type-arg]
    """90s, 20m, 2h, 1d."""

    name = "time"

    def convert(self, value: Any, param: Optional[click.Parameter],
                ctx: Optional[click.Context]) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)([smhd])", value)
        if not found or int(found[1]) == 0:
            self.fail(f"{value!r}: write 90s, 20m, 2h or 1d", param, ctx)
        return int(found[1]) * UNITS[found[2]]


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a run is done with."""
    for option in reversed([
            click.option("--on", type=click.Choice(["serverless", "ec2"]),
                         help="[default: the settings', serverless]"),
            click.option("--nodes", type=click.IntRange(1), metavar="N",
                         help="Workers [default: the ceiling on Serverless, 4 on EC2]."),
            click.option("--type", metavar="TYPE",
                         help="Of instances on EC2 [default: m7g.xlarge]."),
            click.option("--spot", is_flag=True,
                         help="All workers but one on Spot; on Serverless, spare capacity."),
            click.option("--release", metavar="LABEL",
                         help="Of EMR on EC2 [default: emr-7.11.0].")]):
        command = option(command)
    return command


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is computed, and within what bounds."""
    for option in reversed([
            click.argument("mode", type=click.Choice(list(MODES))),
            click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[-- JOB OPTIONS]"),
            click.option("-k", "--components", "k", type=click.IntRange(1, 1280), default=50,
                         show_default=True, help="Of the PCA."),
            click.option("--input", metavar="S3", help="Folder that holds Training/."),
            click.option("--output", metavar="S3", help="Folder of the tables."),
            click.option("--max-time", type=Duration(), default="2h", show_default=True,
                         help="Ends the job after so long: 90s, 20m, 2h."),
            click.option("--max-cost", type=click.FloatRange(0, min_open=True), metavar="EUROS",
                         help="Refuse what would cost more, and shorten --max-time so that it "
                         "cannot; starts without asking."),
            click.option("--model", metavar="FILE", help="Weights [default: as of verger run]."),
            click.option("--archive", metavar="FILE", help="[default: dist/verger-emr.tar.gz]"),
            click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path),
                         default="tables", show_default=True, help="Where the tables go."),
            click.option("--no-download", is_flag=True, help="Leave the tables in the bucket."),
            click.option("--detach", is_flag=True, help="Do not wait; it ends by itself."),
            click.option("--follow", is_flag=True,
                         help="Show the driver's log as EMR copies it.")]):
        command = option(command)
    return command


# --- run ------------------------------------------------------------------------------


@verger_emr.command(epilog="Example: verger-emr run full -k 50 --max-cost 1 --max-time 1h")
@job_options
@machine_options
@click.option("--keep", is_flag=True, help="Keep the EC2 cluster after the job until it is idle.")
@click.option("--idle", type=Duration(), default="1h", show_default=True,
              help="With --keep: ends after so long without work, 1m to 7d.")
@click.option("--another", is_flag=True, help="Start although one of ours is there already.")
@common
def run(tool: Tool, mode: str, options: tuple[str, ...], k: int, max_time: int,
        max_cost: Optional[float], folder: Path, no_download: bool, detach: bool, follow: bool,
        spot: bool, keep: bool, idle: int, another: bool, nodes: Optional[int],
        **_settings: Any) -> None:
    """Estimate, start, watch and fetch: MODE is mini, apples or full.

    The machines end by themselves after the job, with this terminal closed as well. What
    follows -- goes to the job (verger-spark --help).
    """
    check_idle(idle)
    if keep and tool.settings.on != "ec2":
        raise click.UsageError("--keep is of clusters: add --on ec2")
    dollars = max_cost / price_table()["eur_per_usd"] if max_cost else None
    runner.run(tool, Asked(mode, k, options, max_time, dollars, spot, idle if keep else None,
                           another, detach, follow, None if no_download else folder, nodes))


def check_idle(seconds: int) -> None:
    least, most = clusters.IDLE_LIMITS
    if not least <= seconds <= most:
        raise click.UsageError(f"--idle must be {least} s to {most // 86400} days")


# --- Looking ---------------------------------------------------------------------------


@verger_emr.command(name="list", epilog="Example: verger-emr list --days 30")
@click.option("--days", type=click.IntRange(1, 365), default=runs.DAYS, show_default=True)
@click.option("--running", is_flag=True, help="Only what costs something now.")
@common
def list_runs(tool: Tool, days: int, running: bool) -> None:
    """Runs and clusters, whoever started them: AWS is asked, nothing is remembered here."""
    now = tool.now()
    views = list(runs.list_views(tool.aws, tool.settings, now - timedelta(days=days)))
    if running:
        views = runs.running(views)
    views.sort(key=lambda view: view.name, reverse=True)
    tool.console.document({"runs": [view.as_dict(now) for view in views]})
    if not views:
        tool.console.say(f"nothing {'runs' if running else f'in the last {days} days'} in "
                         f"{tool.aws.region}")
        return
    tool.console.say(table([("run", "on", "mode", "state", "since", "took", "place"), *(
        (str(view.run or view.name), view.on, view.mode or "-", view.state,
         view.created.strftime("%Y-%m-%d %H:%M") if view.created else "-",
         time_text(view.seconds(now)), view.place) for view in views)]))


@verger_emr.command(epilog="Example: verger-emr status last")
@click.argument("run", default="last")
@common
def status(tool: Tool, run: str) -> None:
    """One run: its state, its time, its cost so far. RUN may be shortened; last is the newest."""
    now = tool.now()
    view = runs.find(tool.aws, tool.settings, run, now)
    bill = runs.bill(tool.aws, tool.settings, view, now)
    tool.console.document({**view.as_dict(now), "cost": bill.as_dict()})
    reason = f": {view.reason}" if view.reason else ""
    tool.console.say(f"{view.run}  {view.mode}  {view.state} ({view.detail}){reason}\n"
                     f"  on {view.on}, {view.place} {view.work}\n"
                     f"  {time_text(view.seconds(now))}, {euro_text(bill.usd, bill.eur)} so far\n"
                     f"  tables {view.output}, logs {view.logs}")
    tool.console.say("  nothing of it costs anything any more" if view.is_gone
                     else f"  it still runs: verger-emr stop {view.run}")


@verger_emr.command(epilog="Example: verger-emr watch 20261128-134500-k7f3 --follow")
@click.argument("run", default="last")
@click.option("--follow", is_flag=True, help="Show the driver's log as EMR copies it.")
@common
def watch(tool: Tool, run: str, follow: bool) -> None:
    """Look until it is over. Closing this changes nothing."""
    view = runs.find(tool.aws, tool.settings, run, tool.now())
    view = runner.watch(tool, view, 0.0, None, follow)
    runner.finish(tool, view, None)


@verger_emr.command(epilog="Example: verger-emr logs last --errors")
@click.argument("run", default="last")
@click.option("--errors", is_flag=True, help="The first real error, and what it usually means.")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path),
              help="Save all of them there.")
@common
def logs(tool: Tool, run: str, errors: bool, folder: Optional[Path]) -> None:
    """The driver's log; of a cluster-mode step it is a container's, which this finds."""
    view = runs.find(tool.aws, tool.settings, run, tool.now())
    if folder is not None:
        number = log_room.save(tool.aws, view, folder)
        tool.console.say(f"{number} logs in {folder}")
        tool.console.document({"logs": number, "folder": str(folder)})
    elif errors:
        _say_error(tool, view)
    else:
        _say_driver(tool, view)


def _say_error(tool: Tool, view: View) -> None:
    found = log_room.why(tool.aws, view)
    if found is None:
        late = "" if view.is_gone else "; logs of what still runs come some five minutes late"
        tool.console.document({"error": None})
        tool.console.say(f"no error in the logs of {view.run}{late}")
        return
    tool.console.document({"error": found.error, "source": found.source,
                           "cause": found.cause.name if found.cause else None,
                           "means": found.cause.means if found.cause else None,
                           "do": found.cause.do if found.cause else None})
    tool.console.say(f"{found.error}\n  in {found.source}")
    if found.cause:
        tool.console.say(f"  means: {found.cause.means}\n  do: {found.cause.do}")


def _say_driver(tool: Tool, view: View) -> None:
    bucket, prefix = runs.log_folder(view)
    drivers = [log for log in log_room.list_logs(tool.aws, view) if log.is_drivers]
    if not drivers:
        raise CheckFailed(f"no log of a driver below s3://{bucket}/{prefix}"
                          + ("" if view.is_gone else " yet: EMR copies them every five minutes"),
                          f"verger-emr logs {view.run} --errors")
    texts = {log.name: log_room.read(tool.aws, bucket, log) for log in drivers}
    tool.console.document({"logs": texts})
    for name, text in texts.items():
        tool.console.say(f"--- {name}\n{text.rstrip()}")


@verger_emr.command(epilog="Example: verger-emr download last tables")
@click.argument("run", default="last")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="tables")
@common
def download(tool: Tool, run: str, folder: Path) -> None:
    """The tables of a run, complete, counted; broken off, it goes on where it was."""
    view = runs.find(tool.aws, tool.settings, run, tool.now())
    if not view.is_over:
        raise CheckFailed(f"{view.run} is {view.state}", f"verger-emr watch {view.run}")
    if view.state != runs.DONE:
        raise JobFailed(f"{view.run} {view.state}: its tables are not complete",
                        f"verger-emr logs {view.run} --errors")
    tool.console.document(runner.fetch(tool, view, folder) if not tool.is_dry else {
        "files": len(results.list_tables(tool.aws, view.output, view.run.timestamp
                                         if view.run else ""))})


# --- Money -------------------------------------------------------------------------------


@verger_emr.command(epilog="Example: verger-emr cost full --on ec2 --nodes 6, or verger-emr cost "
                    "last")
@click.argument("what", metavar="MODE|RUN", default="full")
@machine_options
@click.option("--images", type=click.IntRange(1), metavar="N",
              help="In place of the data set's 300, 6,404 or 67,692.")
@common
def cost(tool: Tool, what: str, nodes: Optional[int], spot: bool, images: Optional[int],
         **_settings: Any) -> None:
    """Before: what a MODE will cost. After: what a RUN has cost."""
    if what in MODES:
        estimate = _estimate(tool, images or FRUITS[what], nodes, spot)
        tool.console.document(estimate.as_dict())
        rows = [("part", "€", "$"), *((part.name, f"{euros(part.usd):.3f}", f"{part.usd:.3f}")
                                      for part in estimate.parts),
                ("all", f"{estimate.eur:.3f}", f"{estimate.usd:.3f}")]
        tool.console.say(f"{estimate.images:,} images on {estimate.what}: about "
                         f"{time_text(estimate.seconds)}, of that start "
                         f"{time_text(estimate.start_seconds)}\n{table(rows)}\n"
                         f"prices of {price_table()['region']}, {price_table()['date']}, without "
                         "tax; what lies in the bucket costs 0.023 $ a GB and month")
        return
    now = tool.now()
    view = runs.find(tool.aws, tool.settings, what, now)
    bill = runs.bill(tool.aws, tool.settings, view, now)
    tool.console.document({"run": str(view.run), **bill.as_dict()})
    tool.console.say(table([("part", "€", "$"), *(
        (part.name, f"{euros(part.usd):.3f}", f"{part.usd:.3f}") for part in bill.parts),
        ("all", f"{bill.eur:.3f}", f"{bill.usd:.3f}")]))
    if view.on == "serverless" and not view.billed:
        tool.console.say("Serverless tells what it billed once the run is over")


def _estimate(tool: Tool, images: int, nodes: Optional[int], spot: bool) -> Estimate:
    """On paper: AWS is not asked, so this works before there is an account."""
    if tool.settings.on == "serverless":
        executors = nodes or 7
        return estimate_serverless(images, tool.settings.arch, executors * SERVERLESS_VCPUS,
                                   (executors + 1) * SERVERLESS_VCPUS,
                                   (executors + 1) * SERVERLESS_GB)
    price = instance_price(tool.settings.type)
    if price is None:
        raise click.UsageError(f"{tool.settings.type} has no price here: take a size of "
                               f"{', '.join(known_families())}")
    primary = instance_price(tool.settings.type.partition(".")[0] + ".xlarge")
    number = tool.settings.nodes
    return estimate_ec2(images, price, number, spot=number - 1 if spot else 0, primary=primary)


# --- Ending --------------------------------------------------------------------------------


@verger_emr.command(epilog="Example: verger-emr stop last, or verger-emr stop --all --yes")
@click.argument("run", required=False)
@click.option("--all", "every", is_flag=True, help="Everything of this tool that runs.")
@common
def stop(tool: Tool, run: Optional[str], every: bool) -> None:
    """End a run and its machines, and look until they are gone."""
    if every == (run is not None):
        raise click.UsageError("name a run, or say --all")
    now = tool.now()
    if every:
        found = runs.running(list(runs.list_views(tool.aws, tool.settings,
                                                  now - timedelta(days=60))))
        # A kept cluster ends as a whole.
        found = [view for view in found if not (view.is_kept and view.run)] or found
    else:
        found = runs.running([_named(tool, run or "")])
    if not found:
        tool.console.document({"stopped": []})
        tool.console.say("nothing runs")
        return
    tool.console.say(table([("run", "on", "state", "took", "place"), *(
        (str(view.run or view.name), view.on, view.state, time_text(view.seconds(now)),
         view.place) for view in found)]))
    if not tool.is_dry and not tool.console.agree("Stop?"):
        raise CheckFailed("nothing was stopped")
    for view in found:
        runs.stop(tool.aws, view)
    if tool.is_dry:
        return
    for view in found:
        runs.wait_until_gone(tool.aws, tool.settings, view, tool.sleep)
        tool.console.say(f"{view.run or view.name} is gone")
    tool.console.document({"stopped": [view.name for view in found]})


def _named(tool: Tool, text: str) -> View:
    """A run, or a kept cluster by its name or id."""
    if text.startswith(("j-", KEPT_PREFIX, "cluster-")):
        wanted = text if text.startswith("j-") else KEPT_PREFIX + text.rpartition("cluster-")[2]
        for row in clusters.list_clusters(tool.aws, tool.now() - timedelta(days=60)):
            if wanted in (row["Id"], row["Name"]):
                return runs.cluster_view(tool.aws, row["Id"], has_run=False)
        raise CheckFailed(f"there is no cluster {text} in {tool.aws.region}", "verger-emr list")
    return runs.find(tool.aws, tool.settings, text, tool.now())


# --- Clusters that are kept -------------------------------------------------------------------


@verger_emr.group()
def cluster() -> None:
    """A cluster that stays for several runs, and ends when it is idle."""


@cluster.command(name="create", epilog="Example: verger-emr cluster create --nodes 4 --idle 30m")
@machine_options
@click.option("--idle", type=Duration(), default="1h", show_default=True,
              help="Ends after so long without work, 1m to 7d.")
@click.option("--max-time", type=Duration(), default="2h", show_default=True,
              help="The longest that any job on it may take.")
@click.option("--another", is_flag=True, help="Start although one of ours is there already.")
@common
def create(tool: Tool, idle: int, max_time: int, spot: bool, another: bool,
           nodes: Optional[int], **_settings: Any) -> None:
    """Start one without a job. It costs until it has been idle for --idle."""
    check_idle(idle)
    settings = tool.settings
    clusters.check_release(settings.release)
    if not another:
        runner.refuse_a_second(tool)
    asked = Asked("full", 50, (), max_time, spot=spot, idle_seconds=idle)
    kinds, _, estimate = runner.plan_ec2(tool, asked, 1)
    hourly = estimate.usd_per_hour
    tool.console.note(f"{estimate.what}: {euro_text(hourly, euros(hourly))} an hour, "
                      f"until it has been idle for {time_text(idle)}")
    if not tool.is_dry and not tool.console.agree("Start it?"):
        raise CheckFailed("nothing was started")
    name = KEPT_PREFIX + new_run(tool.now()).text
    tool.console.note(f"cluster {name}")
    plan = ClusterPlan(name, None, kinds, settings.nodes, max_time, (), spot, idle)
    identity = clusters.launch(tool.aws, clusters.launch_request(plan, settings), tool.now,
                               tool.sleep)
    if not tool.is_dry:
        tool.console.document({"cluster": identity, "name": name, "idle_seconds": idle})
        tool.console.say(f"{identity}: verger-emr cluster submit {identity} MODE; "
                         f"verger-emr stop {identity}")


@cluster.command(name="submit", epilog="Example: verger-emr cluster submit j-2AXXXXXXGAPLF mini")
@click.argument("cluster_id", metavar="CLUSTER")
@job_options
@common
def submit(tool: Tool, cluster_id: str, mode: str, options: tuple[str, ...], k: int,
           max_time: int, max_cost: Optional[float], folder: Path, no_download: bool,
           detach: bool, follow: bool, **_settings: Any) -> None:
    """Run MODE on a cluster that is kept."""
    asked = Asked(mode, k, options, max_time, folder=None if no_download else folder,
                  detach=detach, follow=follow, another=True)
    runner.submit(tool, asked, cluster_id)
