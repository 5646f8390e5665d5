#include "io/proxy.hpp"

#include "io/address.hpp"
#include "io/failure.hpp"

namespace verger
{

namespace
{

std::string without_port(const std::string &host)
{
    size_t colon = host.rfind(':');
    bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
    return has_port ? host.substr(0, colon) : host;
}

bool is_direct(const std::string &host)
{
    std::string list = first_of_environment({"no_proxy", "NO_PROXY"});
    for (size_t at = 0; at < list.size();) {
        size_t end = std::min(list.find_first_of(", ", at), list.size());
        std::string name = without_port(list.substr(at, end - at));
        if (name == "*") return true;
        if (name.starts_with('.')) name.erase(0, 1);
        if (!name.empty() && (host == name || host.ends_with("." + name))) return true;
        at = end + 1;
    }
    return false;
}

} // namespace

std::string Proxy::shown() const
{
    if (url.empty()) return "";
    size_t scheme_end = url.find("://") + 3, at = url.rfind('@');
    std::string place = at == std::string::npos ? url.substr(scheme_end) : url.substr(at + 1);
    return " (through the proxy " + url.substr(0, scheme_end) + place + " of " + variable + ")";
}

Proxy proxy_for(const std::string &scheme, const std::string &host)
{
    if (is_direct(without_port(host))) return {};
    Proxy proxy;
    for (const char *variable :
         {scheme == "https" ? "https_proxy" : "http_proxy",
          scheme == "https" ? "HTTPS_PROXY" : "http_proxy", "all_proxy", "ALL_PROXY"}) {
        proxy = {first_of_environment({variable}), variable};
        if (!proxy.url.empty()) break;
    }
    if (proxy.url.empty()) return {};
    while (proxy.url.ends_with('/')) proxy.url.pop_back();
    if (proxy.url.find("://") == std::string::npos) proxy.url = "http://" + proxy.url;
    bool is_https = proxy.url.starts_with("https://");
    if (!is_https && !proxy.url.starts_with("http://"))
        throw Failure{VG_EINVAL, proxy.variable + " names a proxy that is not http:// or "
                                                  "https://, which buckets are not asked through: "
                                                  "name another one, or the host in no_proxy"};
    if (without_port(proxy.url) == proxy.url || without_port(proxy.url).size() < 6)
        proxy.url += is_https ? ":443" : ":80";
    return proxy;
}

} // namespace verger
