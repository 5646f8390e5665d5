"""Clients of AWS, and its errors as sentences.

Every client but one retries, as botocore's standard mode does. RunJobFlow has no client token:
a second attempt could start a second cluster, so its client sends once (cluster.py).
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Optional

import boto3
from botocore import exceptions as faults
from botocore.config import Config

from verger.emr.dry_run import Recorder
from verger.emr.outcomes import Refused, WrongUsage

ATTEMPTS = 6
THROTTLED = {"ThrottlingException", "Throttling", "RequestLimitExceeded",
             "TooManyRequestsException", "SlowDown", "RequestThrottled"}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired",
           "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"}
ABSENT = {"404", "NoSuchKey", "NoSuchBucket", "NotFound", "ResourceNotFoundException"}
# No answer: what was asked may have been done.
UNCLEAR = (faults.HTTPClientError, faults.IncompleteReadError, faults.ResponseStreamingError)


class Aws:
    """A session in one region. With a recorder nothing is changed: requests that would change
    something end in it, after botocore has validated them."""

    def __init__(self, region: str, profile: Optional[str] = None,
                 recorder: Optional[Recorder] = None) -> None:
        self.region, self.profile, self.recorder = region, profile, recorder
        # boto3 finds an unknown profile now or later, as the environment has it.
        if profile and profile not in boto3.session.Session().available_profiles:
            raise WrongUsage(f"there is no profile {profile}", "aws configure list-profiles")
        self.session = boto3.session.Session(profile_name=profile, region_name=region)
        self._clients: dict[tuple[str, bool, Optional[str]], Any] = {}

    def client(self, service: str, *, once: bool = False, region: Optional[str] = None) -> Any:
        """`once`: a request is sent a single time, and its answer waited for longer."""
        key = (service, once, region)
        if key not in self._clients:
            config = Config(connect_timeout=10, read_timeout=120 if once else 60,
                            retries={"mode": "standard",
                                     "total_max_attempts": 1 if once else ATTEMPTS})
            client = self.session.client(service, region_name=region, config=config)
            if self.recorder:
                self.recorder.watch(client)
            self._clients[key] = client
        return self._clients[key]

    @property
    def emr(self) -> Any:
        return self.client("emr")

    @property
    def serverless(self) -> Any:
        return self.client("emr-serverless")

    @property
    def s3(self) -> Any:
        return self.client("s3")

    @property
    def is_dry(self) -> bool:
        return self.recorder is not None

    def pages(self, service: str, operation: str, key: str, **words: Any) -> Iterator[Any]:
        """The items of a list that comes in pages."""
        for page in self.client(service).get_paginator(operation).paginate(**words):
            yield from page.get(key, [])

    def login(self) -> str:
        """The line that renews the credentials."""
        profile = f" --profile {self.profile}" if self.profile else ""
        return f"aws sso login{profile}   (or renew the keys of the profile)"


def code_of(error: BaseException) -> str:
    """AWS's own name of an error."""
    if isinstance(error, faults.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def is_throttled(error: BaseException) -> bool:
    return code_of(error) in THROTTLED


def is_absent(error: BaseException) -> bool:
    return code_of(error) in ABSENT


def is_unclear(error: BaseException) -> bool:
    """Whether the request may have been carried out all the same."""
    if isinstance(error, (faults.ConnectTimeoutError, faults.EndpointConnectionError,
                          faults.ProxyConnectionError)):
        return False
    if isinstance(error, faults.ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    return isinstance(error, UNCLEAR)


@contextlib.contextmanager
def told(aws: Aws, action: str) -> Iterator[None]:
    """Turns botocore's errors into Refused: what was tried, what AWS said, what to do."""
    try:
        yield
    except faults.BotoCoreError as error:
        raise _of_client(aws, action, error) from error
    except faults.ClientError as error:
        raise _of_service(aws, action, error) from error


def _of_client(aws: Aws, action: str, error: faults.BotoCoreError) -> Refused:
    if isinstance(error, (faults.NoCredentialsError, faults.PartialCredentialsError,
                          faults.CredentialRetrievalError)):
        return Refused(f"cannot {action}: no credentials of AWS here ({error})",
                       "aws configure sso   (or aws configure)", "NoCredentials")
    if "SSO" in type(error).__name__ or isinstance(error, faults.TokenRetrievalError):
        return Refused(f"cannot {action}: the login has expired", aws.login(), "ExpiredToken")
    if isinstance(error, faults.ParamValidationError):
        return Refused(f"cannot {action}: {error}")
    return Refused(f"cannot {action}: {error}", "look at the network, the proxy and the region",
                   type(error).__name__)


def _of_service(aws: Aws, action: str, error: faults.ClientError) -> Refused:
    code = code_of(error)
    message = error.response.get("Error", {}).get("Message") or str(error)
    if code in EXPIRED:
        return Refused(f"cannot {action}: the credentials are no longer taken ({code})",
                       aws.login(), code)
    if code in DENIED:
        return Refused(f"cannot {action}: {error.operation_name} is denied: {message}",
                       "attach the policy that the stack's output Operator names to whoever "
                       "you are", code)
    if code in THROTTLED:
        return Refused(f"cannot {action}: AWS asks for patience ({code}) and went on to",
                       "try again in a minute", code)
    return Refused(f"cannot {action}: {message} ({code})", "", code)
