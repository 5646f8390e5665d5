/* The address of a bucket or cluster in its parts, and what of it is secret. */
#ifndef VG_IO_ADDRESS_HPP
#define VG_IO_ADDRESS_HPP

#include <string>
#include <string_view>

#include <arrow/status.h>

namespace verger
{

/* scheme://user@host/path?query; the query with its '?', the path without an end '/'. */
struct Address {
    std::string scheme, user, host, path, query;
};

Address parse_address(const std::string &text);

/* Without keys and settings, fit for tables and messages. */
std::string public_form(const Address &address);

/* As a URI, keys and all: for Arrow and no one else. */
std::string uri_of(const Address &address);

/* The value of a setting in the query; empty where there is none. */
std::string setting(const Address &address, std::string_view name);

/* Sets it unless the address does. */
void set_default(Address &address, const std::string &name, const std::string &value);

/* People write names as they are; a URI wants them escaped. */
std::string escaped(const std::string &path, std::string_view special = "");

/* What others say may repeat the address and the keys of the environment. */
arrow::Status without_secrets(const arrow::Status &status, const Address &address);

/* The first of the environment's variables that is set and not empty; else empty. */
std::string first_of_environment(std::initializer_list<const char *> names);

} // namespace verger

#endif
