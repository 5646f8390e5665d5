#include "io/regions.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace verger
{
namespace
{

/* docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html. eu-west-2 is
 * London and eu-central-2 Zurich: they are in Europe and not in the Union. The list is that of
 * python/verger/regions.py, and tests/lint compares the two. */
const char *const eu_regions[] = {"eu-central-1", "eu-north-1", "eu-south-1",    "eu-south-2",
                                  "eu-west-1",    "eu-west-3",  "eusc-de-east-1"};

} // namespace

bool region_matches(const std::string &region, const char *required)
{
    if (std::strcmp(required, "eu") != 0)
        return ::fnmatch(required, region.c_str(), FNM_NOESCAPE) == 0;
    return std::any_of(std::begin(eu_regions), std::end(eu_regions),
                       [&](const char *name) { return region == name; });
}

} // namespace verger
