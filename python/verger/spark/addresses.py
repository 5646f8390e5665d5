"""Addresses as the command takes them, and what it has to know of a bucket."""

from __future__ import annotations

import os
import re

from pyspark.sql import SparkSession

# Hadoop's names of S3, and the schemes that the command reaches (docs/stores.md).
S3_SCHEMES = ("s3", "s3a", "s3n")
COMMAND_SCHEMES = ("", "file", "gs", "abfs", "abfss", *S3_SCHEMES)


def scheme_of(address: str) -> str:
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):/", address)
    return found[1].lower() if found else ""


def is_for_command(address: str) -> bool:
    return scheme_of(address) in COMMAND_SCHEMES


def for_command(address: str) -> str:
    """A folder is absolute: the executors stand in others."""
    scheme = scheme_of(address)
    if scheme == "":
        return os.path.abspath(address)
    if scheme in S3_SCHEMES:
        return "s3://" + address.partition("://")[2]
    return address


def for_hadoop(address: str) -> str:
    return "file://" + os.path.abspath(address) if scheme_of(address) == "" else address


def s3_environment(spark: SparkSession) -> dict[str, str]:
    """What the settings of S3A say, as the variables that other programs read. An executor has
    these settings as well."""
    conf = spark._jsc.hadoopConfiguration()
    names = {"AWS_ACCESS_KEY_ID": "access.key", "AWS_SECRET_ACCESS_KEY": "secret.key",
             "AWS_SESSION_TOKEN": "session.token", "AWS_REGION": "endpoint.region"}
    found = {name: conf.get(f"fs.s3a.{key}") for name, key in names.items()}
    if conf.get("fs.s3a.requester.pays.enabled") == "true":
        found["AWS_REQUEST_PAYER"] = "requester"
    endpoint = conf.get("fs.s3a.endpoint") or ""
    if endpoint and "amazonaws.com" not in endpoint:
        secure = conf.get("fs.s3a.connection.ssl.enabled") != "false"
        found["AWS_ENDPOINT_URL"] = (endpoint if "://" in endpoint else
                                     f"{'https' if secure else 'http'}://{endpoint}")
    return {name: value for name, value in found.items() if value}
