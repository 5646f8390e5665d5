"""moto's server: what versitygw lacks of S3, regions of buckets and encryption.

HEAD of a bucket says x-amz-bucket-region. Objects are written with the bucket's default
encryption unless the request asks for another, and HEAD of an object shows which. What S3
has and moto has not: it checks no signatures, and a client that asks in the wrong region
is answered in place of being redirected.
"""

import contextlib
import pathlib
import shutil
import subprocess
import urllib.parse
import urllib.request

from store.gateway import ROOT, environment, free_port, wait_for_port

MISSING = "no moto_server in .deps/moto or on PATH: run tools/setup test"
HOME, ABROAD = "home-bucket", "abroad-bucket"  # in us-east-1 and in eu-west-3
ABROAD_REGION = "eu-west-3"
LONDON, LONDON_REGION = "london-bucket", "eu-west-2"
DEFAULT_ENCRYPTION = ("aws:kms", "bucket-key")  # of the first two

LOCATION = ('<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>")
ENCRYPTION = ('<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
              "<Rule><ApplyServerSideEncryptionByDefault>"
              "<SSEAlgorithm>{}</SSEAlgorithm><KMSMasterKeyID>{}</KMSMasterKeyID>"
              "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
              ).format(*DEFAULT_ENCRYPTION)


def program():
    """moto_server's path, or None."""
    return shutil.which(ROOT / ".deps/moto/bin/moto_server") or shutil.which("moto_server")


class Aws:
    def __init__(self, port):
        self.port, self.endpoint = port, f"http://127.0.0.1:{port}"

    def environment(self, **changes):
        return environment(self.endpoint, **changes)

    def request(self, method, path, body=None):
        """The answer's headers and body; moto wants to see who asks, but believes it."""
        request = urllib.request.Request(
            f"{self.endpoint}/{urllib.parse.quote(path, safe='/?=&')}", method=method,
            data=body.encode() if isinstance(body, str) else body)
        request.add_header("Content-Type", "application/xml")  # urllib would call it a form
        request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential="
                           "key/20250131/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return {name.lower(): value for name, value in answer.headers.items()}, answer.read()

    def region(self, bucket):
        return self.request("HEAD", bucket)[0]["x-amz-bucket-region"]

    def encryption(self, path):
        """Algorithm and key that an object was written with."""
        headers, _ = self.request("HEAD", path)
        return (headers.get("x-amz-server-side-encryption"),
                headers.get("x-amz-server-side-encryption-aws-kms-key-id"))


def make_buckets(aws):
    aws.request("PUT", HOME)
    aws.request("PUT", ABROAD, LOCATION.format(ABROAD_REGION))
    aws.request("PUT", LONDON, LOCATION.format(LONDON_REGION))
    for bucket in (HOME, ABROAD):
        aws.request("PUT", f"{bucket}?encryption", ENCRYPTION)


@contextlib.contextmanager
def serving(log):
    """The server with its three buckets, empty; `log` is a file for its output."""
    port = free_port()
    with pathlib.Path(log).open("w") as output:
        server = subprocess.Popen([program(), "-H", "127.0.0.1", "-p", str(port)],
                                  stdout=output, stderr=output)
    try:
        wait_for_port(port, server)
        aws = Aws(port)
        make_buckets(aws)
        yield aws
    finally:
        server.kill()
        server.wait()
