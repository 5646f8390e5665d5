"""What a run promises of buckets: where they are, how they encrypt, that no key is told."""

import pytest
from buckets import run
from conftest import fill, verger
from store import aws_like as moto
from store.gateway import SECRET, environment

TOKEN = "session-token-of-a-test"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("images"), per_class=3)


@pytest.fixture(scope="module")
def orchard(gateway):
    return fill(gateway.bucket("promised-orchard"), per_class=3)


def objects(aws, path):
    """How many the folder bucket/prefix has; the server is that of other tests, too."""
    bucket, prefix = path.split("/", 1)
    return aws.request("GET", f"{bucket}?list-type=2&prefix={prefix}/")[1].count(b"<Key>")


@pytest.mark.parametrize("words, variable", [(["--require-region", "eu-*"], {}),
                                             ([], {"VERGER_REQUIRE_REGION": "eu-*"})])
def test_an_output_elsewhere_is_refused_untouched(aws_like, images, words, variable):
    done = run(images, f"s3://{moto.HOME}/region", *words, code=1,
               environment={**aws_like.environment(), **variable})
    assert f"the bucket {moto.HOME} is in us-east-1" in done.stderr and "eu-*" in done.stderr
    assert objects(aws_like, f"{moto.HOME}/region") == 0


def test_an_output_there_is_taken(aws_like, images):
    run(images, f"s3://{moto.ABROAD}/region", "--require-region", "eu",
        environment=aws_like.environment(region=moto.ABROAD_REGION))


def test_london_is_not_in_the_union(aws_like, images):
    done = run(images, f"s3://{moto.LONDON}/region", "--require-region", "eu", code=1,
               environment=aws_like.environment(region=moto.LONDON_REGION))
    assert "is in eu-west-2, and the region is required to be eu:" in done.stderr


def test_an_input_elsewhere_is_refused_unread(fault_proxy, orchard, tmp_path):
    run("s3://promised-orchard", tmp_path / "out", "--require-region", "eu-*", code=1,
        environment=environment(fault_proxy.endpoint))
    assert {request.kind for request in fault_proxy.requests} == {"HEAD bucket"}
    assert not (tmp_path / "out").exists()


def test_another_encryption_is_refused_before_any_table(aws_like, images):
    done = run(images, f"s3://{moto.HOME}/encryption", "--sse", "AES256", code=1,
               environment=aws_like.environment())
    assert "is encrypted by aws:kms" in done.stderr and "put-bucket-encryption" in done.stderr
    assert objects(aws_like, f"{moto.HOME}/encryption") == 0


def test_the_encryption_that_is_asked_for(aws_like, images):
    run(images, f"s3://{moto.ABROAD}/encryption", "--sse", "aws:kms", "--sse-kms-key",
        "bucket-key", environment=aws_like.environment(region=moto.ABROAD_REGION))


def test_no_secret_is_told_or_written(gateway, orchard, tmp_path):
    output = gateway.bucket("promised-tables")
    here = {"AWS_SESSION_TOKEN": TOKEN, "AWS_EC2_METADATA_DISABLED": "true"}
    done = verger("run", gateway.address("promised-orchard"), gateway.address("promised-tables"),
                  "-k", 3, "--model", "seeded:7", "--progress", "json", "--log-level", "debug",
                  "--metrics", tmp_path / "metrics", env={**gateway.environment(), **here})
    assert done.returncode == 0, done.stderr
    written = [path.read_bytes() for path in output.rglob("*") if path.is_file()]
    assert len(written) > 5
    for text in [*written, (done.stdout + done.stderr).encode(), (tmp_path / "metrics").read_bytes()]:
        assert SECRET.encode() not in text and TOKEN.encode() not in text
