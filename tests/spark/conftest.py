"""Clusters as fixtures; a test is skipped where their programs are not installed."""

import pytest

from spark import clusters, hadoop
from store import gateway as versitygw
from store.fixtures import fault_proxy, gateway  # noqa: F401


def needs(*reasons):
    for reason in reasons:
        if reason:
            pytest.skip(reason)


@pytest.fixture(scope="session")
def spark3():
    needs(clusters.SPARK3.missing())
    return clusters.SPARK3


@pytest.fixture(scope="session")
def spark4():
    needs(clusters.SPARK4.missing())
    return clusters.SPARK4


@pytest.fixture(scope="session")
def local3(spark3, tmp_path_factory):
    with clusters.local_cluster(tmp_path_factory.mktemp("local3"), spark3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def local4(spark4, tmp_path_factory):
    with clusters.local_cluster(tmp_path_factory.mktemp("local4"), spark4) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def standalone(spark3, tmp_path_factory):
    """Two workers of one core each. Tests that kill one make a cluster of their own."""
    with clusters.standalone_cluster(tmp_path_factory.mktemp("standalone"), spark3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def yarn(spark3, tmp_path_factory):
    """One node, and HDFS."""
    needs(hadoop.missing())
    with hadoop.yarn_cluster(tmp_path_factory.mktemp("yarn"), with_hdfs=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def s3a(gateway):  # noqa: F811
    """Settings of an application of Spark 3 that reads and writes the gateway's buckets."""
    needs(clusters.missing_s3a())
    return clusters.s3a_conf(gateway.endpoint, versitygw.KEY, versitygw.SECRET, versitygw.REGION)
