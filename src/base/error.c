#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

/* Messages name files, whose names may hold anything. */
static void set_message(vg_error *error, const char *text)
{
    vg_escape(error->message, sizeof error->message, text, strlen(text), vg_printable_length);
}

vg_status vg_fail(vg_error *error, vg_status status, const char *format, ...)
{
    if (error != NULL) {
        vg_error plain;
        va_list args;
        va_start(args, format);
        vsnprintf(plain.message, sizeof plain.message, format, args);
        va_end(args);
        set_message(error, plain.message);
    }
    return status;
}

vg_status vg_fail_memory(vg_error *error, size_t bytes)
{
    return vg_fail(error, VG_ENOMEM, "cannot allocate %zu bytes: free some memory and try again",
                   bytes);
}

vg_status vg_fail_prefix(vg_error *error, vg_status status, const char *format, ...)
{
    if (error != NULL) {
        vg_error prefixed;
        va_list args;
        va_start(args, format);
        int written = vsnprintf(prefixed.message, sizeof prefixed.message, format, args);
        va_end(args);
        if (written < 0) return status;
        size_t used = strlen(prefixed.message);
        /* A message too long for its room is cut. */
        written = snprintf(prefixed.message + used, sizeof prefixed.message - used, ": %s",
                           error->message);
        if (written >= 0) set_message(error, prefixed.message);
    }
    return status;
}
