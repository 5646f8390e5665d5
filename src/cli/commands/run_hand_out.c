#include "cli/commands/run_hand_out.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"

enum { WAIT_MILLISECONDS = 200 }; /* between two looks at a signal that came */

static vg_status wait_for_line(vg_error *error)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        char byte;
        vg_status status = vg_check_cancel(&vg_cli_interrupted, error);
        if (status != VG_OK) return status;
        if (poll(&input, 1, WAIT_MILLISECONDS) <= 0) continue;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got == 1 && byte == '\n') return VG_OK;
        if (got == 1) continue;
        return vg_fail(error, VG_EIO,
                       "standard input ended before a line said that the parts are done: what is "
                       "there stays, go on with --resume");
    }
}

vg_status vg_cli_hand_out(void *context, const char *timestamp, const uint64_t *numbers,
                          size_t count, vg_error *error)
{
    (void)context;
    printf("{\"timestamp\": \"%s\", \"parts\": [", timestamp);
    for (size_t i = 0; i < count; i++) printf("%s%" PRIu64, i > 0 ? ", " : "", numbers[i]);
    printf("]}\n");
    if (fflush(stdout) != 0)
        return vg_fail(error, VG_EIO, "standard output cannot be written: %s", strerror(errno));
    return wait_for_line(error);
}
