"""Every fault of tests/store/faults, replayed to a run from bucket to bucket.

What can be asked again ends as if nothing had happened; what cannot is one row of errors or
a run that fails and says why. No fault makes a wrong row, and none makes a run hang."""

import pytest
from buckets import WORDS, error_rows, feature_rows, run, says, tables
from conftest import ROOT, fill, leftovers, patience, successes, verger
from store.fault_proxy import read_fault
from store.gateway import environment

FAULTS = sorted((ROOT / "tests/store/faults").glob("*.json"))
SECONDS = 40  # more than all attempts take together
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


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_fault(gateway, fault_proxy, undisturbed, path):
    fault = read_fault(path)
    (replayed,) = fault_proxy.replay(fault)
    output = gateway.bucket("tables") / path.stem
    done = verger("run", INPUT, f"s3://tables/{path.stem}", *WORDS, timeout=SECONDS * patience(),
                  env=environment(fault_proxy.endpoint))
    assert replayed.hits > 0, "nothing was hit: the fault is of a request that is not made"
    outcome = fault["outcome"]
    assert done.returncode == CODES[outcome["ends"]], done.stderr
    CHECKS[outcome["ends"]](output, undisturbed, done, outcome)
    assert not output.exists() or leftovers(output) == []
