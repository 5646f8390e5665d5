/* How a function fails: `return vg_fail(error, VG_EIO, "...")`. */
#ifndef VG_BASE_ERROR_H
#define VG_BASE_ERROR_H

#include "verger/verger.h"

/* Writes the message, if `error` is not NULL, and returns `status`. */
__attribute__((format(printf, 3, 4))) vg_status vg_fail(vg_error *error, vg_status status,
                                                        const char *format, ...);

/* The message every failed allocation gives. */
vg_status vg_fail_memory(vg_error *error, size_t bytes);

/* Puts "prefix: " in front of the message that is there. Returns `status`. */
__attribute__((format(printf, 3, 4))) vg_status vg_fail_prefix(vg_error *error, vg_status status,
                                                               const char *format, ...);

#endif
