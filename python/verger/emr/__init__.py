"""The life of a Verger run on AWS, from an empty account to its tables: the command verger-emr.

What lives minutes (clusters, jobs, files) is here, in Python over boto3; what lives months
(bucket, roles, application) is account.yaml, a template of CloudFormation. AWS is the state:
nothing is remembered on this machine but the names in verger-emr.toml (docs/emr.md).
"""
