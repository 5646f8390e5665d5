#include "io/failure.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>

#include <arrow/util/io_util.h>

extern "C" {
#include "base/escape.h"
}

namespace verger
{

namespace
{

/* A failure of ours on its way through Arrow. */
struct OwnFailure final : arrow::StatusDetail {
    explicit OwnFailure(Failure own) : failure(std::move(own))
    {
    }
    const char *type_id() const override
    {
        return "verger::OwnFailure";
    }
    std::string ToString() const override
    {
        return failure.message;
    }
    Failure failure;
};

/* Bytes. An error holds 512, and the reason with the remedy comes last: it is the name that
 * gives way to it. */
enum { LONGEST_NAME = 240, SHORTEST_NAME = 60, LONGEST_MESSAGE = 480 };

struct SystemError {
    int code;
    vg_status status;
    const char *text; /* NULL takes the system's own */
};

/* Those of VG_ESTORE are met by every file of the store, or of the process. */
const SystemError system_errors[] = {
    {ENOENT, VG_ENOTFOUND, "no such file or folder"},
    {EEXIST, VG_EEXIST, "it exists already"},
    {EISDIR, VG_EINVAL, "it is a folder, not a file"},
    {ENOTDIR, VG_EINVAL, "a part of the path is a file, not a folder"},
    {ENOTEMPTY, VG_EINVAL, "a folder that is not empty is in its place"},
    {ENAMETOOLONG, VG_EINVAL, "the name is too long for this file system"},
    {EINVAL, VG_EINVAL, nullptr},
    {ENOMEM, VG_ENOMEM, nullptr},
    {EACCES, VG_EIO, "permission denied: check who may read and write there"},
    {EPERM, VG_EIO, "not permitted: check who may write there and whether it is locked"},
    {EROFS, VG_EIO, "the file system is read-only: choose another place"},
    {ENOSPC, VG_EIO, "no space left on the device: free some space or choose another place"},
    {EDQUOT, VG_EIO, "no space left in the disk quota: free some space or choose another place"},
    {EFBIG, VG_EIO, "the file would pass the size limit: raise it with ulimit -f"},
    {ELOOP, VG_EIO, "its symbolic links form a loop"},
    {EMFILE, VG_ESTORE, "too many open files: raise the limit with ulimit -n"},
    {ENFILE, VG_ESTORE, "too many open files on this machine: close some programs"},
    {EIO, VG_ESTORE, "the device reports an error: check the disk or the network share"},
    {ESTALE, VG_ESTORE, "the network share has changed below it: mount it again"},
    {ENODEV, VG_ESTORE, "the device is gone: check the disk or the network share"},
    {ENXIO, VG_ESTORE, "the device is gone: check the disk or the network share"},
    {ETIMEDOUT, VG_ESTORE, "the network share does not answer: check the way to it"},
    {EHOSTDOWN, VG_ESTORE, "the network share does not answer: check the way to it"},
    {EHOSTUNREACH, VG_ESTORE, "the network share does not answer: check the way to it"},
    {ENOTCONN, VG_ESTORE, "what the folder was mounted by has ended: mount it again"},
    {ECONNABORTED, VG_ESTORE, "what the folder was mounted by has ended: mount it again"},
    {ESHUTDOWN, VG_ESTORE, "what the folder was mounted by has ended: mount it again"},
};

/* What S3 refuses, whose fault it is, and what a person can do about it
 * (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). The same codes come from
 * other servers. Where it is VG_ESTORE, every other request would be refused too. */
struct Refusal {
    const char *code;
    vg_status status;
    const char *remedy;
};

const char new_credentials[] = "the session has ended: take new credentials";
const char check_secret[] = "check AWS_SECRET_ACCESS_KEY or the profile";
const char check_region[] = "the bucket is in another region";

const Refusal refusals[] = {
    {"AccessDenied", VG_EIO,
     "these keys may not do that: docs/stores.md has what they need, and AWS_NO_SIGN_REQUEST=true "
     "asks without any; a bucket whose readers pay wants --requester-pays"},
    {"AuthorizationHeaderMalformed", VG_ESTORE, check_region},
    {"ExpiredToken", VG_ESTORE, new_credentials},
    {"InvalidAccessKeyId", VG_ESTORE, "check AWS_ACCESS_KEY_ID or the profile"},
    {"InvalidObjectState", VG_EIO, "it is archived: restore it first"},
    {"InvalidToken", VG_ESTORE, "check AWS_SESSION_TOKEN: it is not one of these keys"},
    {"NoSuchBucket", VG_ESTORE, "there is no such bucket: check its name and the endpoint"},
    {"PermanentRedirect", VG_ESTORE, check_region},
    {"RequestExpired", VG_ESTORE, "set the clock of this machine"},
    {"RequestTimeTooSkewed", VG_ESTORE, "set the clock of this machine"},
    {"SignatureDoesNotMatch", VG_ESTORE, check_secret},
    {"TokenRefreshRequired", VG_ESTORE, new_credentials},
};

/* "EXPIRED_TOKEN": as the SDK writes a code that it knows. */
std::string in_capitals(const char *code)
{
    std::string text;
    for (const char *c = code; *c != '\0'; c++) {
        if (c != code && isupper(static_cast<unsigned char>(*c))) text += '_';
        text += static_cast<char>(toupper(static_cast<unsigned char>(*c)));
    }
    return text;
}

std::string remedy_of(const Refusal &refusal, const std::string &region)
{
    if (refusal.remedy != check_region) return refusal.remedy;
    return region.empty() ? std::string(check_region) + ": set AWS_REGION to that one"
                          : "the bucket is in " + region + ": set AWS_REGION=" + region;
}

/* The region that "the region 'a' is wrong; expecting 'b'" asks for. */
std::string expected_region(const std::string &text)
{
    const std::string start = "expecting '";
    size_t at = text.find(start);
    if (at == std::string::npos) return "";
    at += start.size();
    return text.substr(at, text.find('\'', at) - at);
}

std::string one_line(std::string_view text)
{
    std::string out(VG_ESCAPE_CHARS * text.size() + 1, '\0');
    out.resize(vg_escape(out.data(), out.size(), text.data(), text.size(), vg_printable_length));
    return out;
}

/* Leaves the middle out of what is longer. */
std::string shortened(const std::string &out, size_t longest)
{
    if (out.size() <= longest) return out;
    auto is_inside_character = [&](size_t i) { return (out[i] & 0xc0) == 0x80; };
    size_t head = longest / 2, tail = out.size() - longest / 2;
    while (is_inside_character(head)) head--;
    while (is_inside_character(tail)) tail++;
    return out.substr(0, head) + "..." + out.substr(tail);
}

} // namespace

std::string printable(std::string_view text)
{
    return shortened(one_line(text), LONGEST_NAME);
}

std::string cannot(std::string_view action, std::string_view name)
{
    return "cannot " + std::string(action) + " " + printable(name) + ": ";
}

void fail_with(vg_status status, std::string_view action, std::string_view name,
               std::string_view reason)
{
    std::string why = one_line(reason);
    size_t left = LONGEST_MESSAGE > why.size() ? LONGEST_MESSAGE - why.size() : 0;
    size_t longest = std::clamp<size_t>(left, SHORTEST_NAME, LONGEST_NAME);
    throw Failure{status, "cannot " + std::string(action) + " " +
                              shortened(one_line(name), longest) + ": " + why};
}

std::string_view reason_of(std::string_view message, std::string_view action, std::string_view name)
{
    std::string start = "cannot " + std::string(action) + " ", whole = one_line(name);
    if (!message.starts_with(start)) return message;
    size_t last = std::min<size_t>(whole.size(), SHORTEST_NAME);
    for (size_t size = std::min<size_t>(whole.size(), LONGEST_NAME); size + 1 > last; size--) {
        std::string before = start + shortened(whole, size) + ": ";
        if (message.starts_with(before)) return message.substr(before.size());
    }
    return message;
}

void fail_system(int code, std::string_view action, std::string_view name)
{
    for (const SystemError &known : system_errors)
        if (known.code == code)
            fail_with(known.status, action, name,
                      known.text ? known.text : std::generic_category().message(code));
    fail_with(VG_EIO, action, name, std::generic_category().message(code));
}

void fail_arrow(const arrow::Status &status, std::string_view action, std::string_view name,
                vg_status otherwise)
{
    if (status.IsOutOfMemory()) throw std::bad_alloc();
    if (auto ours = std::dynamic_pointer_cast<OwnFailure>(status.detail())) throw ours->failure;
    int code = arrow::internal::ErrnoFromStatus(status);
    if (code != 0) fail_system(code, action, name);
    /* Arrow's later lines are a trace of attempts. */
    std::string reason = status.message().substr(0, status.message().find('\n'));
    if (status.IsNotImplemented()) otherwise = VG_EUNSUPPORTED;
    if (reason.find("AWS Error NETWORK_CONNECTION") != std::string::npos) otherwise = VG_ESTORE;
    for (const Refusal &known : refusals) {
        bool is_it = reason.find(known.code) != std::string::npos ||
                     reason.find(in_capitals(known.code)) != std::string::npos;
        if (!is_it) continue;
        if (known.status == VG_ESTORE) otherwise = known.status;
        reason += ": " + remedy_of(known, expected_region(reason));
        break;
    }
    fail_with(otherwise, action, name, reason);
}

arrow::Status through_arrow(Failure failure)
{
    std::string message = failure.message;
    return {arrow::StatusCode::IOError, message, std::make_shared<OwnFailure>(std::move(failure))};
}

void fail_refused(const Refused &refused, std::string_view action, std::string_view name)
{
    enum { HTTP_UNAUTHORIZED = 401, HTTP_NOT_FOUND = 404, HTTP_PROXY_UNAUTHORIZED = 407 };
    const std::string &code = refused.code;
    if (refused.http_status == HTTP_NOT_FOUND && code != "NoSuchBucket")
        fail_system(ENOENT, action, name);
    std::string http = "(HTTP " + std::to_string(refused.http_status) + ")";
    for (const Refusal &known : refusals)
        if (code == known.code)
            fail_with(known.status, action, name,
                      code + " " + http + ": " +
                          remedy_of(known, refused.region.empty() ? expected_region(refused.message)
                                                                  : refused.region));
    if (refused.http_status == HTTP_PROXY_UNAUTHORIZED)
        fail_with(VG_ESTORE, action, name, "the proxy wants a user and a password " + http);
    bool is_everybodys = refused.http_status == HTTP_UNAUTHORIZED || refused.http_status / 100 == 3;
    std::string why = code.empty() ? "the answer has no code of S3" : code;
    if (!refused.message.empty()) why += ": " + refused.message;
    fail_with(is_everybodys ? VG_ESTORE : VG_EIO, action, name, why + " " + http);
}

} // namespace verger
