"""Where the buckets of a job are: --require-region."""

from __future__ import annotations

import os
import urllib.error
import urllib.parse
import urllib.request

from pyspark.sql import SparkSession

from verger.regions import region_matches

S3_SCHEMES = {"s3", "s3a", "s3n"}
# Prefixes of regions that another domain serves (botocore's partitions.json).
DOMAINS = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}
SECONDS = 10


def check_region(spark: SparkSession, address: str, required: str) -> None:
    """ValueError where the bucket of `address` is not in a region as `required`, or where that
    cannot be told. A folder has no region and passes."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme in ("", "file"):
        return
    if parts.scheme not in S3_SCHEMES:
        raise ValueError(f"{address}: a region is required ({required}), and where it lies cannot "
                         "be told but for s3://: check it by other means and leave the "
                         "requirement out")
    region = bucket_region(service_of(spark), parts.netloc)
    if region is None:
        raise ValueError(f"{address}: a region is required ({required}), and nobody tells where the "
                         "bucket is: check its name and the network")
    if not region_matches(region, required):
        raise ValueError(f"{address}: the bucket is in {region}, and the region is required to be "
                         f"{required}: take a bucket there, or another requirement")


def service_of(spark: SparkSession) -> str:
    """The address of S3, as S3A's settings or the environment have it."""
    conf = spark._jsc.hadoopConfiguration()
    given = conf.get("fs.s3a.endpoint") or ""
    if given and "amazonaws.com" not in given:
        secure = conf.get("fs.s3a.connection.ssl.enabled") != "false"
        return given if "://" in given else f"{'https' if secure else 'http'}://{given}"
    region = (conf.get("fs.s3a.endpoint.region") or os.environ.get("AWS_REGION")
              or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    domain = next((domain for prefix, domain in DOMAINS.items() if region.startswith(prefix)),
                  "amazonaws.com")
    return f"https://s3.{region}.{domain}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The answer that redirects has the header, too."""

    def redirect_request(self, *_arguments, **_named):
        return None


def bucket_region(service: str, bucket: str) -> str | None:
    """What S3 says in the header that comes even with a refusal; no signature is needed."""
    request = urllib.request.Request(f"{service}/{bucket}", method="HEAD")
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=SECONDS) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
    except OSError:
        return None
    region = headers.get("x-amz-bucket-region")
    return region or None
