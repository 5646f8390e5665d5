"""Servers as fixtures: `from store.fixtures import gateway` in a conftest.py or a test."""

import pytest

from store import aws_like as moto
from store import fault_proxy as proxies
from store import gateway as versitygw


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """An S3 server without buckets; see store/gateway.py."""
    if versitygw.program() is None:
        pytest.skip(versitygw.MISSING)
    with versitygw.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def fault_proxy(gateway):
    """A proxy before the gateway, without faults; see store/fault_proxy.py."""
    with proxies.serving(gateway.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def aws_like(tmp_path_factory):
    """Two buckets in two regions with default encryption; see store/aws_like.py."""
    if moto.program() is None:
        pytest.skip(moto.MISSING)
    with moto.serving(tmp_path_factory.mktemp("moto") / "log") as server:
        yield server
