#include "io/profile.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "io/address.hpp"
#include "io/failure.hpp"

namespace verger
{

namespace
{

std::string place_of(const char *variable, const char *usual)
{
    std::string given = first_of_environment({variable});
    return !given.empty() ? given : first_of_environment({"HOME"}) + usual;
}

/* "[ profile  name ]" as "profile name". */
std::string section_of(const std::string &line)
{
    size_t begin = line.find('['), end = line.find(']');
    if (begin == std::string::npos || end == std::string::npos || end < begin) return "";
    std::string section;
    for (char c : line.substr(begin + 1, end - begin - 1)) {
        if (c != ' ' && c != '\t')
            section += c;
        else if (!section.empty() && section.back() != ' ')
            section += ' ';
    }
    if (section.ends_with(' ')) section.pop_back();
    return section;
}

bool has_profile(const std::string &path, const std::string &profile)
{
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::string section = section_of(line);
        if (section == profile || section == "profile " + profile) return true;
    }
    return false;
}

} // namespace

bool is_unsigned()
{
    std::string text = first_of_environment({"AWS_NO_SIGN_REQUEST"});
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(tolower(c)); });
    return text == "1" || text == "true" || text == "yes" || text == "on";
}

bool requester_pays()
{
    return first_of_environment({"AWS_REQUEST_PAYER"}) == "requester";
}

void check_profile(const std::string &name)
{
    std::string profile = first_of_environment({"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
    if (profile.empty() || !first_of_environment({"AWS_ACCESS_KEY_ID"}).empty()) return;
    std::string keys = place_of("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
    std::string config = place_of("AWS_CONFIG_FILE", "/.aws/config");
    if (has_profile(keys, profile) || has_profile(config, profile)) return;
    fail_with(VG_EINVAL, "open", name,
              "the profile " + printable(profile) + " of AWS_PROFILE is neither in " +
                  printable(keys) + " nor in " + printable(config));
}

} // namespace verger
