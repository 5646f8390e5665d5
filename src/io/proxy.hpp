/* Through which proxy a server is asked: one rule for reading, listing and writing. */
#ifndef VG_IO_PROXY_HPP
#define VG_IO_PROXY_HPP

#include <string>

namespace verger
{

struct Proxy {
    std::string url;      /* with its scheme and port; empty for none */
    std::string variable; /* of the environment, that named it */

    /* " (through the proxy http://host:port of https_proxy)", without user and password; ""
     * for none. */
    std::string shown() const;
};

/* curl's rule (curl(1), ENVIRONMENT): https_proxy or HTTPS_PROXY, http_proxy in small letters
 * alone, else all_proxy or ALL_PROXY; no_proxy or NO_PROXY names hosts, and what ends so, that
 * are asked directly, and * all. Throws where the proxy is of a kind that the SDK cannot ask. */
Proxy proxy_for(const std::string &scheme, const std::string &host);

} // namespace verger

#endif
