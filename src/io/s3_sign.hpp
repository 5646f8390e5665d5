/* AWS Signature Version 4. curl's own (7.88, Debian 12) lacks
 * the header x-amz-content-sha256, without which S3 refuses a request. */
#ifndef VG_IO_S3_SIGN_HPP
#define VG_IO_S3_SIGN_HPP

#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace verger
{

struct S3Credentials {
    std::string key, secret, token; /* all empty: requests are not signed */
};

struct S3Request {
    std::string method, host;
    std::string path;                                /* escaped, from the '/' on */
    std::string query;                               /* as S3 sorts and escapes it, without '?' */
    std::map<std::string, std::string> headers = {}; /* x-amz-... of the request's own */
    std::string_view body = {};                      /* the caller's */
};

/* `path` with all but the unreserved characters of RFC 3986 and '/' escaped, as the
 * signature wants it. */
std::string s3_escaped(const std::string &path);

/* The same of a value in a query, where '/' is escaped too. */
std::string s3_query_escaped(const std::string &text);

/* The headers ("name: value") that sign the request. */
std::vector<std::string> s3_signed_headers(const S3Request &request,
                                           const S3Credentials &credentials,
                                           const std::string &region, std::time_t now);

} // namespace verger

#endif
