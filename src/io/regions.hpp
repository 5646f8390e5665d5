/* Which regions of AWS pass a requirement. */
#pragma once

#include <string>

namespace verger
{

/* Whether `region` is what --require-region asks for: "eu" stands for the regions that lie in
 * the European Union, anything else is a pattern of names with * and ?. */
bool region_matches(const std::string &region, const char *required);

} // namespace verger
