/* What the environment says of who asks. */
#ifndef VG_IO_PROFILE_HPP
#define VG_IO_PROFILE_HPP

#include <string>

namespace verger
{

/* AWS_NO_SIGN_REQUEST, as GDAL and others have it: public buckets are asked without keys. */
bool is_unsigned();

/* AWS_REQUEST_PAYER=requester, as GDAL and others have it: who asks pays. */
bool requester_pays();

/* Throws where AWS_PROFILE names a profile that no file has, which the SDK passes over: requests
 * would go unsigned. `name` is what is opened. */
void check_profile(const std::string &name);

} // namespace verger

#endif
