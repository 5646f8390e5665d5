/* How this room fails inside: by an exception, which the C face turns into a status. */
#ifndef VG_IO_FAILURE_HPP
#define VG_IO_FAILURE_HPP

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <arrow/result.h>
#include <arrow/status.h>

#include "verger/verger.h"

extern "C" {
#include "base/error.h"
}

namespace verger
{

struct Failure {
    vg_status status;
    std::string message;
};

/* A callback of the caller's asked to end, and has written the error itself. */
struct Stopped {
    vg_status status;
};

/* A name fit for a message: one line of UTF-8, the middle left out where it is long. */
std::string printable(std::string_view text);

/* "cannot <action> <name>: ". */
std::string cannot(std::string_view action, std::string_view name);

/* "cannot <action> <name>: <reason>", where the name is shortened before the reason is. */
[[noreturn]] void fail_with(vg_status status, std::string_view action, std::string_view name,
                            std::string_view reason);

/* The reason that was given to fail_with, in its message. */
std::string_view reason_of(std::string_view message, std::string_view action,
                           std::string_view name);

/* Here it is decided whose fault a failure is: VG_ESTORE is everybody's (credentials, clock,
 * region, network, a disk), all else this file's own. */

/* "cannot <action> <name>: <what the system says>: <what to do>". */
[[noreturn]] void fail_system(int code, std::string_view action, std::string_view name);

/* The same for what Arrow says; `otherwise` is the status where it has no errno. */
[[noreturn]] void fail_arrow(const arrow::Status &status, std::string_view action,
                             std::string_view name, vg_status otherwise = VG_EIO);

/* A failure that one of our streams has, for Arrow to hand on; fail_arrow throws it again. */
arrow::Status through_arrow(Failure failure);

/* How S3 refused. */
struct Refused {
    long http_status;
    std::string code, message; /* of the answer's XML; empty where it has none */
    std::string region;        /* where the bucket is, if the answer says */
};
[[noreturn]] void fail_refused(const Refused &refused, std::string_view action,
                               std::string_view name);

inline void check(const arrow::Status &status, std::string_view action, std::string_view name,
                  vg_status otherwise = VG_EIO)
{
    if (!status.ok()) fail_arrow(status, action, name, otherwise);
}

template <typename T>
T value_of(arrow::Result<T> result, std::string_view action, std::string_view name,
           vg_status otherwise = VG_EIO)
{
    check(result.status(), action, name, otherwise);
    return std::move(result).ValueUnsafe();
}

/* Runs the body of a function of the C face; no exception passes it. */
template <typename Body> vg_status guard(vg_error *error, Body &&body) noexcept
{
    try {
        body();
        return VG_OK;
    } catch (const Failure &failure) {
        return vg_fail(error, failure.status, "%s", failure.message.c_str());
    } catch (const Stopped &stopped) {
        return stopped.status;
    } catch (const std::bad_alloc &) {
        return vg_fail(error, VG_ENOMEM, "out of memory: free some memory and try again");
    } catch (const std::exception &exception) {
        return vg_fail(error, VG_EIO, "unexpected: %s", exception.what());
    } catch (...) {
        return vg_fail(error, VG_EIO, "unexpected failure in Arrow");
    }
}

} // namespace verger

#endif
