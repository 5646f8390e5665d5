"""run: from what the user asked for to tables on disk, at a price that is said before.

The order is what makes it safe: everything that can be known is checked, the price is said,
the name is printed, and only then is one request sent. From there on AWS ends the run by
itself, and this process only looks.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Optional

from verger.emr import cluster as clusters
from verger.emr import logs, results, runs, serverless
from verger.emr.artifacts import local_artifacts, upload
from verger.emr.cluster import ClusterPlan
from verger.emr.command_line import Tool
from verger.emr.console import bytes_text, euro_text, time_text
from verger.emr.cost import Estimate, estimate_ec2, estimate_serverless
from verger.emr.identity import RunId, is_ours, new_run, run_of_name
from verger.emr.images_in import count_images
from verger.emr.outcomes import CheckFailed, Interrupted, JobFailed, Refused
from verger.emr.prices import euros, instance_price, table
from verger.emr.runs import View
from verger.emr.spark_words import (SERVERLESS_GB, SERVERLESS_VCPUS, Job, Sizes, sizes_ec2,
                                    sizes_serverless, submit_words)
from verger.emr.watch import Watch

LAUNCHES = 2  # of a run at the most


@dataclass(frozen=True)
class Asked:
    """What the user asked for."""

    mode: str
    k: int
    options: tuple[str, ...]
    limit_seconds: int
    max_usd: Optional[float] = None
    spot: bool = False
    idle_seconds: Optional[int] = None  # keep the cluster so long
    another: bool = False
    detach: bool = False
    follow: bool = False
    folder: Optional[Path] = None  # for the tables; None fetches none
    nodes: Optional[int] = None


@dataclass(frozen=True)
class Prepared:
    """Checked, priced, and not begun."""

    job: Job
    sizes: Sizes
    estimate: Estimate
    limit_seconds: int
    kinds: tuple[clusters.InstanceKind, ...] = ()


# --- Before -----------------------------------------------------------------------


def prepare(tool: Tool, asked: Asked) -> Prepared:
    """Reads what is there, sends nothing but what is missing of the artifacts."""
    settings, aws = tool.settings, tool.aws
    artifacts = local_artifacts(settings)
    job = Job(new_run(tool.now()), asked.mode, asked.k, settings.input_address,
              settings.output_address, artifacts, settings.required_region, asked.options)
    images = count_images(aws, settings.input_address, asked.mode, asked.options)
    tool.console.note(f"{images.number:,} images, {bytes_text(images.bytes)}, below "
                      f"{settings.input_address}")
    if not asked.another:
        refuse_a_second(tool)
    kinds: tuple[clusters.InstanceKind, ...] = ()
    if settings.on == "ec2":
        clusters.check_release(settings.release)
        kinds, sizes, estimate = plan_ec2(tool, asked, images.number)
    else:
        sizes, estimate = plan_serverless(tool, asked, images.number)
    least = serverless.LEAST_MINUTES * 60 if settings.on == "serverless" else 0
    limit = limit_within(asked, estimate, least)
    say_estimate(tool, estimate, limit)
    if asked.idle_seconds is not None:
        tool.console.note(f"the cluster stays until it has been idle for "
                          f"{time_text(asked.idle_seconds)}, and costs until then")
    for artifact in artifacts.all:
        if upload(aws, artifacts.bucket, artifact):
            tool.console.note(f"uploaded the {artifact.kind}, {bytes_text(artifact.size)}")
    return Prepared(job, sizes, estimate, limit, kinds)


def refuse_a_second(tool: Tool) -> None:
    """A run that is forgotten is found here rather than on the bill."""
    names = [row["Name"] for row in clusters.list_clusters(
        tool.aws, states=clusters.ACTIVE[:-1]) if is_ours(row["Name"])]
    if tool.settings.application:
        names += [run["name"] for run in serverless.list_runs(tool.aws, tool.settings.application)
                  if run_of_name(run.get("name", ""))
                  and runs.SERVERLESS_STATES.get(run["state"]) in (runs.STARTING, runs.RUNNING)]
    if names:
        raise CheckFailed(f"{names[0]} is there already" + (
            f", and {len(names) - 1} more" if len(names) > 1 else ""),
            "verger-emr list; add --another to have one more")


def plan_ec2(tool: Tool, asked: Asked, images: int) -> tuple[
        tuple[clusters.InstanceKind, ...], Sizes, Estimate]:
    settings = tool.settings
    kinds = clusters.kinds_like(clusters.supported_kinds(tool.aws, settings.release),
                                settings.type)
    # The smallest of those that may come in its place has to do.
    memory = min(kind.memory_gb for kind in kinds)
    sizes = sizes_ec2(settings.type, kinds[0].vcpus, memory, settings.nodes)
    price = instance_price(settings.type)
    assert price  # kinds_like takes no other
    primary = instance_price(settings.type.partition(".")[0] + ".xlarge")
    spot = settings.nodes - 1 if asked.spot else 0
    return kinds, sizes, estimate_ec2(images, price, settings.nodes, spot=spot, primary=primary)


def plan_serverless(tool: Tool, asked: Asked, images: int) -> tuple[Sizes, Estimate]:
    application = serverless.application(tool.aws, tool.settings)
    clusters.check_release(application["releaseLabel"])
    executors = serverless.executors_within(application, asked.nodes)
    return sizes_serverless(executors), estimate_serverless(
        images, tool.settings.arch, executors * SERVERLESS_VCPUS,
        (executors + 1) * SERVERLESS_VCPUS, (executors + 1) * SERVERLESS_GB)


def limit_within(asked: Asked, estimate: Estimate, least: int) -> int:
    """The time limit: as asked for, or as long as --max-cost lasts, so that it holds whatever
    happens. AWS takes none below `least`."""
    wanted = max(asked.limit_seconds, least)
    if asked.max_usd is None:
        return wanted
    bought = estimate.limit_within(asked.max_usd)
    if estimate.usd > asked.max_usd or bought < max(estimate.work_seconds, least):
        raise CheckFailed(f"the run would cost about {euro_text(estimate.usd, estimate.eur)}, "
                          f"more than --max-cost {euros(asked.max_usd):.2f}",
                          f"--max-cost {estimate.eur * 2:.2f}, which leaves room for a slow day")
    return int(min(wanted, bought))


def say_estimate(tool: Tool, estimate: Estimate, limit: int) -> None:
    """Who pays reads this first."""
    most = estimate.usd_at_limit(limit)
    if tool.console.as_json:
        tool.console.event("estimate", **estimate.as_dict(), limit_seconds=limit,
                           usd_at_limit=round(most, 4))
        return
    parts = ", ".join(f"{part.name} {euros(part.usd):.2f}" for part in estimate.parts)
    tool.console.note(
        f"{estimate.what}: about {time_text(estimate.seconds)} and "
        f"{euro_text(estimate.usd, estimate.eur)}: {parts}\n"
        f"at most {euro_text(most, euros(most))}, when the time limit of {time_text(limit)} ends "
        f"it; prices of {table()['region']}, {table()['date']}")


# --- The launch ---------------------------------------------------------------------


def start(tool: Tool, asked: Asked, prepared: Prepared, attempt: int = 1) -> View:
    """Sends the one request. The name is printed before, so that it is known whatever happens."""
    job, settings = prepared.job, tool.settings
    if settings.on == "serverless":
        request = serverless.job_request(job, prepared.sizes, settings, prepared.limit_seconds,
                                         asked.spot)
        job_run = serverless.start(tool.aws, request)
        return _begun(tool, job.run, "serverless", settings.need("application"), job_run, asked)
    # Another attempt begins with another type.
    kinds = prepared.kinds[attempt - 1:] + prepared.kinds[:attempt - 1] \
        if len(prepared.kinds) >= attempt else prepared.kinds
    words = submit_words(job, prepared.sizes, prepared.limit_seconds)
    plan = ClusterPlan(job.run.name(attempt), job.run, kinds, settings.nodes,
                       prepared.limit_seconds, tuple(words), asked.spot, asked.idle_seconds)
    cluster = clusters.launch(tool.aws, clusters.launch_request(plan, settings), tool.now,
                              tool.sleep)
    return _begun(tool, job.run, "ec2", cluster, "", asked)


def _begun(tool: Tool, run: RunId, on: str, place: str, work: str, asked: Asked) -> View:
    view = View(run.name(), run, on, place, work, runs.STARTING, "STARTING", created=tool.now(),
                is_kept=asked.idle_seconds is not None)
    tool.console.note(f"{run} runs as {work or place}")
    return view


# --- The whole ------------------------------------------------------------------------


def run(tool: Tool, asked: Asked) -> None:
    """Raises JobFailed, Refused, Interrupted, CheckFailed."""
    prepared = prepare(tool, asked)
    settings, job = tool.settings, prepared.job
    if not tool.is_dry and asked.max_usd is None and not tool.console.agree("Start it?"):
        raise CheckFailed("nothing was started")
    tool.console.event("start", command="emr run", run=job.run.text, input=job.input,
                       output=job.output, on=settings.on)
    tool.console.note(f"run {job.run}")
    with told_to_go(job.run):
        view = start(tool, asked, prepared)
        if tool.is_dry:
            return
        if asked.detach:
            say_detached(tool, job.run)
            return
        view = watch(tool, view, prepared.estimate.usd_per_hour, prepared.limit_seconds,
                     asked.follow)
        for attempt in range(2, LAUNCHES + 1):
            if not view.failed_to_launch:
                break
            tool.console.note(f"the launch failed ({view.code}: {view.reason}); once more, with "
                              f"{prepared.kinds[(attempt - 1) % len(prepared.kinds)].name} first")
            view = watch(tool, start(tool, asked, prepared, attempt),
                         prepared.estimate.usd_per_hour, prepared.limit_seconds, asked.follow)
        finish(tool, view, asked.folder)


def say_detached(tool: Tool, run: RunId) -> None:
    tool.console.note(f"it ends by itself; look at it with: verger-emr watch {run}")
    tool.console.event("end", outcome="ok", exit_code=0, error=None, run=run.text,
                       timestamp=run.timestamp, detached=True)


@contextlib.contextmanager
def told_to_go(run: RunId) -> Iterator[None]:
    """An interrupt between two steps must not pass for one that left nothing running."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {run} may still run, and ends by itself",
                          f"verger-emr status {run}, or stop {run}") from None


def watch(tool: Tool, view: View, usd_per_hour: float, limit_seconds: Optional[float],
          follow: bool) -> View:
    """Until nothing of it costs anything; one that was ended by this tool has failed."""
    follower = logs.Follower(tool.aws) if follow else None

    def show_news(now: View) -> None:
        if follower and now.logs:
            for line in follower.news(now):
                tool.console.note(f"    {line}")

    watcher = Watch(tool.aws, tool.settings, tool.console, tool.now, tool.sleep, usd_per_hour,
                    limit_seconds, show_news)
    view = watcher.until_gone(view)
    if watcher.ended_by_us and view.state != runs.DONE:
        raise JobFailed(f"{view.name} was ended: {watcher.ended_by_us}",
                        f"verger-emr logs {view.run} --errors")
    return view


def finish(tool: Tool, view: View, folder: Optional[Path]) -> None:
    """Tables and bill of a run that is over; JobFailed, with the cause, of one that failed."""
    usd = say_bill(tool, view)
    if view.state != runs.DONE:
        raise failure(tool, view)
    summary: dict[str, Any] = {"run": str(view.run), "output": view.output, **usd}
    if folder is not None:
        summary |= fetch(tool, view, folder)
    timestamp = view.run.timestamp if view.run else ""
    tool.console.say(f"tables of {timestamp} are below {view.output}")
    tool.console.event("end", outcome="ok", exit_code=0, error=None, timestamp=timestamp, **summary)


def failure(tool: Tool, view: View) -> JobFailed | Refused:
    """What to raise of a run that is over and not done: its first real error and the cause."""
    name = str(view.run or view.name)
    if view.state == runs.STOPPED:
        return JobFailed(f"{name} was stopped: {view.reason or view.detail}")
    try:
        found = logs.why(tool.aws, view)
    except (Refused, CheckFailed) as error:
        found = None
        tool.console.note(f"its logs cannot be read: {error.message}")
    text = view.reason or view.detail
    remedy = f"verger-emr logs {name} --errors"
    if found:
        text = f"{found.error} ({found.source})"
        if found.cause:
            text, remedy = f"{text}\n  {found.cause.means}", found.cause.do
    kind = Refused if view.failed_to_launch else JobFailed
    return kind(f"{name} failed: {text}", remedy)


def fetch(tool: Tool, view: View, folder: Path) -> dict[str, Any]:
    """The tables, complete and counted."""
    assert view.run
    items = results.list_tables(tool.aws, view.output, view.run.timestamp)

    def report(done: int, total: int) -> None:
        if tool.console.as_json:
            tool.console.event("download", done=done, total=total)
        elif tool.console.is_live:
            tool.console.redraw(f"  {bytes_text(done)} of {bytes_text(total)}")

    fetched = results.download(tool.aws, view.output, items, folder, report)
    counts = results.count(folder, view.run.timestamp)
    if tool.console.is_live:
        tool.console.redraw("")
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    tool.console.say(f"{counts.processed:,} images{failed}; {bytes_text(fetched)} into {folder}")
    return {"folder": str(folder), "images": counts.metadata, "failed": counts.failed,
            "fetched_bytes": fetched}


def say_bill(tool: Tool, view: View) -> dict[str, float]:
    """What it has cost, where AWS tells."""
    try:
        bill = runs.bill(tool.aws, tool.settings, view, tool.now())
    except Refused as error:
        tool.console.note(f"what it cost is not told: {error.message}")
        return {}
    unknown = f"; without a price here: {', '.join(bill.unknown)}" if bill.unknown else ""
    tool.console.note(f"it took {time_text(view.seconds(tool.now()))} and cost "
                      f"{euro_text(bill.usd, bill.eur)}{unknown}, S3 aside")
    return {"usd": round(bill.usd, 4), "eur": round(bill.eur, 4)}


def submit(tool: Tool, asked: Asked, cluster_id: str) -> None:
    """A run as a step of a cluster that is kept; its sizes are those of the cluster's nodes."""
    settings, aws = tool.settings, tool.aws
    kind, nodes, most = clusters.look_at_kept(aws, cluster_id)
    if asked.limit_seconds > most:
        raise CheckFailed(f"{cluster_id} lets no job run longer than {time_text(most)}",
                          f"--max-time {most}s")
    artifacts = local_artifacts(settings)
    job = Job(new_run(tool.now()), asked.mode, asked.k, settings.input_address,
              settings.output_address, artifacts, settings.required_region, asked.options)
    images = count_images(aws, settings.input_address, asked.mode, asked.options)
    tool.console.note(f"{images.number:,} images, {bytes_text(images.bytes)}")
    sizes = sizes_ec2(kind.name, kind.vcpus, kind.memory_gb, nodes)
    for artifact in artifacts.all:
        upload(aws, artifacts.bucket, artifact)
    tool.console.note(f"run {job.run}")
    words = submit_words(job, sizes, asked.limit_seconds)
    with told_to_go(job.run):
        step = clusters.add_step(aws, cluster_id, job.run, words)
        if tool.is_dry:
            return
        view = View(job.run.name(), job.run, "ec2", cluster_id, step, runs.STARTING, "PENDING",
                    created=tool.now(), is_kept=True)
        if asked.detach:
            say_detached(tool, job.run)
            return
        finish(tool, watch(tool, view, 0.0, asked.limit_seconds, asked.follow), asked.folder)
