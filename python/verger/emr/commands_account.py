"""The commands of what lives for months: setup, verify, upload, clean."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Optional

import click

from verger.emr import account, artifacts, checks, image_upload, runs, serverless, settings
from verger.emr import clean as cleaning
from verger.emr.command_line import Tool, common, verger_emr
from verger.emr.console import bytes_text, table
from verger.emr.identity import FORM, RunId, new_run
from verger.emr.images_in import MODES
from verger.emr.outcomes import CheckFailed, WrongUsage
from verger.regions import EU_REGIONS


@verger_emr.command(epilog="Example: verger-emr setup --bucket fruits-of-ours --budget 3 "
                    "--mail you@example.org")
@click.option("--bucket", metavar="NAME", help="Made if it is not there; must be new in the world.")
@click.option("--existing-bucket", is_flag=True,
              help="Take the bucket as it is; its settings stay yours.")
@click.option("--input-bucket", metavar="NAME", help="Another bucket that jobs may read.")
@click.option("--arch", type=click.Choice(["arm64", "x86_64"]), help="Of Serverless workers.")
@click.option("--vcpus", type=click.IntRange(4), metavar="N",
              help="Ceiling of the Serverless application [default: 16, a new account's quota].")
@click.option("--kms-key", metavar="ARN", help="Encrypts bucket and disks.")
@click.option("--budget", type=click.IntRange(1), metavar="DOLLARS", help="A month; mails at 80 %.")
@click.option("--mail", metavar="ADDRESS", help="Of the budget.")
@click.option("--only", type=click.Choice(["serverless", "ec2"]), help="Leave the other one out.")
@click.option("--stack", metavar="NAME", help="Of CloudFormation [default: verger].")
@click.option("--template", "show_template", is_flag=True,
              help="Print the template, for those who deploy it themselves, and end.")
@click.option("--delete", is_flag=True, help="Delete all of it but the bucket.")
@click.option("--confirm", metavar="STACK", help="With --delete, in place of typing its name.")
@common
def setup(tool: Tool, bucket: Optional[str], existing_bucket: bool, input_bucket: Optional[str],
          arch: Optional[str], vcpus: Optional[int], kms_key: Optional[str],
          budget: Optional[int], mail: Optional[str], only: Optional[str], stack: Optional[str],
          show_template: bool, delete: bool, confirm: Optional[str]) -> None:
    """Make or change the account's part: bucket, roles, application, budget.

    Shows what CloudFormation would change and asks. Its outputs are written to
    verger-emr.toml. Nothing in it costs while nothing runs.
    """
    if show_template:
        click.echo(account.template(), nl=False)
        return
    made = account.Stack(tool.aws, tool.settings.stack, tool.sleep)
    if delete:
        _delete_stack(tool, made, confirm)
        return
    name = bucket or tool.settings.bucket
    if not name:
        raise WrongUsage("no bucket is named", "verger-emr setup --bucket NAME")
    if budget and not mail:
        raise WrongUsage("a budget needs somebody to mail to", "--mail ADDRESS")
    wanted = {"BucketName": name, "CreateBucket": "no" if existing_bucket else None,
              "InputBucket": input_bucket, "Architecture": arch.upper() if arch else None,
              "MaximumVcpus": vcpus, "KmsKey": kms_key, "BudgetAmount": budget,
              "BudgetMail": mail, "WithEc2": "no" if only == "serverless" else None,
              "WithServerless": "no" if only == "ec2" else None,
              "AllowedRegions": ",".join((*EU_REGIONS, *tool.settings.allow_regions))
              if tool.settings.allow_regions else None}
    _change_stack(tool, made, {key: str(value) for key, value in wanted.items()
                               if value is not None})


def _change_stack(tool: Tool, stack: account.Stack, parameters: dict[str, str]) -> None:
    change_set = "verger-" + new_run(tool.now()).text
    changes = stack.propose(parameters, change_set)
    if tool.is_dry:
        stack.execute(change_set)
        return
    if changes:
        tool.console.say(table([("change", "kind", "name"),
                                *((change.action + (", replaces" if change.replaces else ""),
                                   change.kind, change.name) for change in changes)]))
        try:
            agreed = tool.console.agree(f"Change the stack {stack.name} in {tool.aws.region}?")
        except BaseException:
            stack.drop(change_set)
            raise
        if not agreed:
            stack.drop(change_set)
            raise CheckFailed("nothing was changed")
        stack.execute(change_set)
    else:
        stack.drop(change_set)
        tool.console.say(f"the stack {stack.name} is as it should be")
    outputs = stack.outputs()
    file = tool.settings.file or Path(settings.FILE)
    settings.write(file, {"region": tool.settings.region, "profile": tool.settings.profile,
                          "stack": stack.name, "allow_regions": tool.settings.allow_regions,
                          **outputs})
    tool.console.say(f"settings are in {file}")
    tool.console.document({"stack": stack.name, "settings": str(file), **outputs,
                           "changes": [vars(change) for change in changes]})


def _delete_stack(tool: Tool, stack: account.Stack, confirm: Optional[str]) -> None:
    if stack.find() is None:
        raise CheckFailed(f"there is no stack {stack.name} in {tool.aws.region}")
    outputs = stack.outputs()
    bucket = outputs.get("bucket", tool.settings.bucket)
    if not tool.is_dry and not tool.console.type_name(
            f"The stack {stack.name} goes, with its roles and its application. The bucket {bucket} "
            "and what is in it stay.", stack.name, confirm):
        raise CheckFailed("nothing was deleted")
    if "application" in outputs:
        serverless.stop_application(tool.aws, outputs["application"], tool.sleep)
    stack.delete()
    tool.console.say(f"the stack {stack.name} is gone; the bucket {bucket} stays until you delete "
                     f"it: verger-emr clean --all, then aws s3 rb s3://{bucket}")
    tool.console.document({"deleted": stack.name, "kept": bucket})


@verger_emr.command(epilog="Example: verger-emr verify --on ec2 --spot")
@click.option("--on", type=click.Choice(["serverless", "ec2"]),
              help="[default: the settings', serverless]")
@click.option("--mode", type=click.Choice(list(MODES)), default="full", show_default=True,
              help="Whose images are counted.")
@click.option("--nodes", type=click.IntRange(1), metavar="N", help="Workers on EC2.")
@click.option("--type", metavar="TYPE", help="Of instances on EC2.")
@click.option("--release", metavar="LABEL", help="Of EMR on EC2.")
@click.option("--spot", is_flag=True, help="As run --spot would need it.")
@common
def verify(tool: Tool, mode: str, spot: bool, **_settings: Any) -> None:
    """Is everything in place? One line a check, with what was found and what mends it."""
    place = checks.Place(tool.aws, tool.settings, tool.settings.on, mode, spot)
    findings = []
    for finding in checks.verify(place):
        findings.append(finding)
        tool.console.say(f"{finding.mark} {finding.name:<22} {finding.found}")
        if finding.remedy and finding.ok is not True:
            tool.console.say(f"    do: {finding.remedy}")
    tool.console.document(checks.verdict(findings))
    failed = [finding.name for finding in findings if finding.ok is False]
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(findings)} checks failed: {', '.join(failed)}")
    tool.console.say(f"{len(findings)} checks, none failed")


@verger_emr.command(epilog="Example: verger-emr upload --data fruits-360_100x100/fruits-360")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder that holds Training/; broken off, it goes on where it was.")
@click.option("--input", metavar="S3", help="Where the images go [default: s3://BUCKET/raw].")
@click.option("--model", metavar="FILE", help="Weights [default: as of verger run].")
@click.option("--archive", metavar="FILE", help="[default: dist/verger-emr.tar.gz]")
@common
def upload(tool: Tool, data: Optional[Path], **_settings: Any) -> None:
    """Archive, job and weights, each once by its content; with --data the images."""
    found = artifacts.local_artifacts(tool.settings)
    sent: dict[str, Any] = {}
    for item in found.all:
        is_sent = artifacts.upload(tool.aws, found.bucket, item)
        sent[item.kind] = {"address": item.address(found.bucket), "sent": is_sent}
        tool.console.say(f"{item.kind:<8} {bytes_text(item.size):>9}  "
                         f"{'sent' if is_sent else 'there already'}  {item.address(found.bucket)}")
    if data is not None:
        progress = image_upload.upload_images(tool.aws, data, tool.settings.input_address,
                                              _reporter(tool))
        sent["images"] = vars(progress)
        tool.console.say(f"images   {progress.sent:,} sent, {progress.known:,} there already, "
                         f"{bytes_text(progress.bytes)}, into {tool.settings.input_address}")
        if progress.left_out:
            tool.console.say(f"         {progress.left_out:,} files are no images and stayed here")
    if not tool.is_dry:
        tool.console.document(sent)


def _reporter(tool: Tool) -> Callable[[image_upload.Progress], None]:
    last = [0.0]

    def report(progress: image_upload.Progress) -> None:
        now = time.monotonic()
        if now - last[0] < 0.5:
            return
        last[0] = now
        waiting = progress.files - progress.known
        if tool.console.as_json:
            tool.console.event("upload", done=progress.sent, total=waiting)
        elif tool.console.is_live:
            tool.console.redraw(f"  {progress.sent:,} of {waiting:,} images, "
                                f"{bytes_text(progress.sent_bytes)}")

    return report


@verger_emr.command(epilog="Example: verger-emr clean --logs, or clean --outputs last")
@click.option("--logs", is_flag=True, help="Of all runs.")
@click.option("--artifacts", "artifacts_too", is_flag=True, help="Archives, jobs and weights.")
@click.option("--outputs", metavar="RUN", help="The tables of one run.")
@click.option("--all", "every", is_flag=True, help="All of these, of all runs; images stay.")
@click.option("--confirm", metavar="NAME", help="In place of typing the name of data.")
@common
def clean(tool: Tool, logs: bool, artifacts_too: bool, outputs: Optional[str], every: bool,
          confirm: Optional[str]) -> None:
    """Delete what lies in the bucket: shown with its size, asked for, checked to be gone.

    Tables go only when the name of the run (with --all, of the bucket) is typed or given as
    --confirm. Unfinished uploads go with everything.
    """
    if not (logs or artifacts_too or outputs or every):
        raise click.UsageError("say what: --logs, --artifacts, --outputs RUN or --all")
    timestamp = None
    name = tool.settings.need("bucket")
    if outputs:
        run = runs.find(tool.aws, tool.settings, outputs, tool.now()).run \
            if not FORM.fullmatch(outputs) else RunId(outputs)
        timestamp, name = (run.timestamp, run.text) if run else (None, name)
    found = list(cleaning.heaps(tool.aws, tool.settings, logs=logs or every,
                                artifacts_too=artifacts_too or every, timestamp=timestamp,
                                outputs=every))
    uploads = cleaning.unfinished_uploads(tool.aws, tool.settings.need("bucket"))
    tool.console.say(table([("what", "objects", "size"), *(
        (heap.name, f"{len(heap.keys):,}", bytes_text(heap.bytes)) for heap in found),
        ("unfinished uploads", f"{len(uploads):,}", "?")]))
    if not tool.is_dry:
        has_data = any(heap.is_data and heap.keys for heap in found)
        agreed = (tool.console.type_name("Tables are deleted for good.", name, confirm) if has_data
                  else tool.console.agree("Delete?"))
        if not agreed:
            raise CheckFailed("nothing was deleted")
    for heap in found:
        cleaning.delete(tool.aws, heap)
    cleaning.abort_uploads(tool.aws, tool.settings.need("bucket"), uploads)
    if tool.is_dry:
        return
    for heap in found:
        left = cleaning.left_over(tool.aws, heap) if heap.keys else 0
        if left:
            raise CheckFailed(f"{left:,} objects of {heap.name} are still there",
                              "the same command again")
    tool.console.document({"deleted": [heap.as_dict() for heap in found],
                           "uploads": len(uploads)})
    tool.console.say("gone")
