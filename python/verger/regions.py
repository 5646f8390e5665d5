"""Regions of AWS, and which of them lie in the European Union.

`eu-west-2` is London and `eu-central-2` Zürich: the letters eu- name a continent.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

# docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html: Frankfurt,
# Stockholm, Milan, Spain, Ireland, Paris; and the European Sovereign Cloud in Brandenburg.
# src/io/regions.cpp has the same list, and tests/lint compares the two.
EU_REGIONS = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3",
              "eusc-de-east-1")


def region_matches(region: str, required: str) -> bool:
    """Whether a region is what --require-region asks for: "eu" is the list above, anything else
    a pattern of names with * and ?."""
    return region in EU_REGIONS if required == "eu" else fnmatchcase(region, required)
