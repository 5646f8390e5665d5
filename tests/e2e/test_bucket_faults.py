"""Every fault of tests/store/faults, replayed to a run from bucket to bucket.

What can be asked again ends as if nothing had happened; what cannot is one row of errors or
a run that fails and says why. No fault makes a wrong row, and none makes a run hang."""

import dataclasses
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from buckets import WORDS, error_rows, feature_rows, run, says, tables
from conftest import ROOT, fill, leftovers, patience, successes, verger
from store import fault_proxy
from store.gateway import environment

FAULTS = sorted((ROOT / "tests/store/faults").glob("*.json"))
SECONDS = 60  # more than all attempts take together
AT_A_TIME = 4  # runs; most of them wait for a time-out or for their next attempt
INPUT, CODES = "s3://orchard", {"ok": 0, "row": 3, "failed": 1}


@pytest.fixture(scope="module")
def undisturbed(gateway):
    """The output folder of a run that met no fault."""
    fill(gateway.bucket("orchard"), per_class=3)
    output = gateway.bucket("tables") / "undisturbed"
    run(INPUT, "s3://tables/undisturbed", environment=gateway.environment())
    return output


def check_ok(output, undisturbed, *_):
    assert tables(output, INPUT) == tables(undisturbed, INPUT)
    assert error_rows(output, INPUT) == []


def check_row(output, undisturbed, _, outcome):
    ((path, reason),) = error_rows(output, INPUT)
    assert path == outcome["of"] and says(outcome["says"], reason), reason
    expected = [row for row in feature_rows(undisturbed, INPUT) if row[0] != path]
    assert feature_rows(output, INPUT) == expected


def check_failed(output, _, done, outcome):
    assert says(outcome["says"], done.stderr), done.stderr
    assert not output.exists() or successes(output) == []


CHECKS = {"ok": check_ok, "row": check_row, "failed": check_failed}


@dataclasses.dataclass
class Replay:
    hits: int
    done: subprocess.CompletedProcess


def replay(gateway, path):
    with fault_proxy.serving(gateway.port) as proxy:
        (fault,) = proxy.replay(fault_proxy.read_fault(path))
        done = verger("run", INPUT, f"s3://tables/{path.stem}", *WORDS,
                      timeout=SECONDS * patience(), env=environment(proxy.endpoint))
        return Replay(fault.hits, done)


@pytest.fixture(scope="module")
def replays(gateway, undisturbed, request):
    """A promise for every fault that was asked for."""
    asked = [item.callspec.params["path"] for item in request.session.items
             if item.path == request.path]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {path: pool.submit(replay, gateway, path) for path in asked}


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_fault(gateway, undisturbed, replays, path):
    outcome = fault_proxy.read_fault(path)["outcome"]
    output = gateway.bucket("tables") / path.stem
    replayed = replays[path].result()
    done = replayed.done
    assert replayed.hits > 0, "nothing was hit: the fault is of a request that is not made"
    assert done.returncode == CODES[outcome["ends"]], done.stderr
    CHECKS[outcome["ends"]](output, undisturbed, done, outcome)
    assert not output.exists() or leftovers(output) == []
