#include "io/address.hpp"

#include <algorithm>
#include <cstdlib>

#include <arrow/util/uri.h>

extern "C" {
#include "base/error.h"
}

#include "io/store.hpp"

namespace verger
{

namespace
{

void replace_all(std::string &text, const std::string &secret, const std::string &with)
{
    if (secret.empty()) return;
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += with.size())
        text.replace(at, secret.size(), with);
}

} // namespace

Address parse_address(const std::string &text)
{
    Address address;
    size_t scheme_end = text.find("://"), start = scheme_end + 3;
    address.scheme = text.substr(0, scheme_end);
    for (char &c : address.scheme) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
    size_t query = text.find('?', start);
    if (query != std::string::npos) address.query = text.substr(query);
    std::string rest = text.substr(start, query - start);

    /* No bucket has a ':' in its name: it parts a key from its secret, which may
     * hold a '/'. */
    size_t at = rest.substr(0, rest.find('/')).rfind('@');
    if (address.scheme == "s3" && rest.substr(0, rest.find('/')).find(':') != std::string::npos)
        at = rest.rfind('@');
    if (at != std::string::npos) {
        address.user = rest.substr(0, at);
        rest.erase(0, at + 1);
    }
    size_t slash = rest.find('/');
    address.host = rest.substr(0, slash);
    if (slash != std::string::npos) address.path = without_trailing_slash(rest.substr(slash));
    return address;
}

/* In abfs:// the user is the container, which is no secret; what follows its ':' is. */
std::string public_form(const Address &address)
{
    bool has_container = address.scheme.starts_with("abfs");
    std::string user = has_container ? address.user.substr(0, address.user.find(':')) : "";
    return address.scheme + "://" + (user.empty() ? "" : user + "@") + address.host + address.path;
}

std::string escaped(const std::string &path, std::string_view special)
{
    static const char digits[] = "0123456789ABCDEF";
    auto is_hex = [&](size_t i) {
        return i < path.size() && isxdigit(static_cast<unsigned char>(path[i]));
    };
    std::string out;
    for (size_t i = 0; i < path.size(); i++) {
        unsigned char c = static_cast<unsigned char>(path[i]);
        bool is_plain =
            c > 0x20 && c < 0x7f &&
            std::string_view("\"<>\\^`{|}[]#").find(path[i]) == std::string_view::npos &&
            special.find(path[i]) == std::string_view::npos;
        if (c == '%') is_plain = is_hex(i + 1) && is_hex(i + 2);
        if (is_plain)
            out += path[i];
        else
            out += {'%', digits[c >> 4], digits[c & 15]};
    }
    return out;
}

std::string uri_of(const Address &address)
{
    std::string user = address.user.empty() ? "" : escaped(address.user, "/@") + "@";
    return address.scheme + "://" + user + address.host + escaped(address.path) + address.query;
}

std::string setting(const Address &address, std::string_view name)
{
    std::string start = std::string(name) + "=";
    for (size_t at = 0; at < address.query.size();) {
        size_t end = std::min(address.query.find('&', at + 1), address.query.size());
        std::string item = address.query.substr(at + 1, end - at - 1);
        if (item.starts_with(start)) return arrow::util::UriUnescape(item.substr(start.size()));
        at = end;
    }
    return "";
}

void set_default(Address &address, const std::string &name, const std::string &value)
{
    if (!setting(address, name).empty()) return;
    address.query += (address.query.empty() ? "?" : "&") + name + "=" + escaped(value, "&+=%");
}

std::string first_of_environment(std::initializer_list<const char *> names)
{
    for (const char *name : names) {
        const char *value = std::getenv(name);
        if (value != nullptr && *value != '\0') return value;
    }
    return "";
}

arrow::Status without_secrets(const arrow::Status &status, const Address &address)
{
    if (status.ok()) return status;
    std::string text = status.message();
    replace_all(text, address.query, "");
    if (!address.scheme.starts_with("abfs")) {
        replace_all(text, escaped(address.user, "/@") + "@", "");
        replace_all(text, address.user, "***");
    }
    size_t colon = address.user.find(':');
    if (colon != std::string::npos) replace_all(text, address.user.substr(colon + 1), "***");
    for (const char *name : {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET"})
        replace_all(text, first_of_environment({name}), "***");
    return arrow::Status(status.code(), text, status.detail());
}

} // namespace verger
