"""python -m verger.emr"""

import sys


def run() -> int:
    """For the script verger-emr."""
    try:
        import boto3  # noqa: F401
        import click  # noqa: F401
    except ImportError as error:
        print(f"verger-emr: {error}: pip install 'verger[emr]'", file=sys.stderr)
        return 2
    from verger.emr.command_line import main
    return main()


if __name__ == "__main__":
    sys.exit(run())
