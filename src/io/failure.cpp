#include "io/failure.hpp"

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

enum { LONGEST_NAME = 240 }; /* bytes; an error holds 512, and the remedy comes last */

struct SystemError {
    int code;
    vg_status status;
    const char *text; /* NULL takes the system's own */
};

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
    {EMFILE, VG_EIO, "too many open files: raise the limit with ulimit -n"},
    {ENFILE, VG_EIO, "too many open files on this machine: close some programs"},
    {ELOOP, VG_EIO, "its symbolic links form a loop"},
    {EIO, VG_EIO, "the device reports an error: check the disk or the network share"},
};

std::string cannot(std::string_view action, std::string_view name)
{
    return "cannot " + std::string(action) + " " + printable(name) + ": ";
}

} // namespace

std::string printable(std::string_view text)
{
    std::string out(VG_ESCAPE_CHARS * text.size() + 1, '\0');
    out.resize(vg_escape(out.data(), out.size(), text.data(), text.size(), vg_printable_length));
    if (out.size() <= LONGEST_NAME) return out;

    auto is_inside_character = [&](size_t i) { return (out[i] & 0xc0) == 0x80; };
    size_t head = LONGEST_NAME / 2, tail = out.size() - LONGEST_NAME / 2;
    while (is_inside_character(head)) head--;
    while (is_inside_character(tail)) tail++;
    return out.substr(0, head) + "..." + out.substr(tail);
}

void fail_system(int code, std::string_view action, std::string_view name)
{
    for (const SystemError &known : system_errors) {
        if (known.code != code) continue;
        throw Failure{known.status,
                      cannot(action, name) +
                          (known.text ? known.text : std::generic_category().message(code))};
    }
    throw Failure{VG_EIO, cannot(action, name) + std::generic_category().message(code)};
}

void fail_arrow(const arrow::Status &status, std::string_view action, std::string_view name,
                vg_status otherwise)
{
    if (status.IsOutOfMemory()) throw std::bad_alloc();
    int code = arrow::internal::ErrnoFromStatus(status);
    if (code != 0) fail_system(code, action, name);
    /* Arrow's later lines are a trace of attempts. */
    std::string reason = status.message().substr(0, status.message().find('\n'));
    if (status.IsNotImplemented()) otherwise = VG_EUNSUPPORTED;
    throw Failure{otherwise, cannot(action, name) + printable(reason)};
}

} // namespace verger
