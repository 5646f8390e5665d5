#include "run/stores.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Readers of folders of tables (Spark, pyarrow, polars, DuckDB) take a folder "label=apples" for
 * a column of all that lies below it, in place of the one that the tables have. */
static void warn_of_partitions(const vg_store *output, const vg_observer *observer)
{
    const char *address = vg_store_address(output), *name = strstr(address, "://");
    name = name != NULL ? name + strlen("://") : address;
    while (name != NULL) {
        size_t size = strcspn(name, "/");
        const char *equals = memchr(name, '=', size);
        if (equals != NULL && equals > name) {
            vg_notify_log(observer, VG_LOG_WARNING,
                          "readers of tables take \"%.*s\" in the address of the output for a "
                          "column \"%.*s\": better write to a folder without '='",
                          (int)size, name, (int)(equals - name), name);
            return;
        }
        name = name[size] == '/' ? name + size + 1 : NULL;
    }
}

vg_status vg_stores_open(vg_store **input, const char *input_address, vg_store **output,
                         const char *output_address, const vg_store_options *options,
                         const vg_observer *observer, vg_error *error)
{
    /* Encryption is of what is written; the input may be a folder. */
    vg_store_options for_input = *options;
    for_input.sse = for_input.sse_kms_key = NULL;
    vg_status status = vg_store_open(input, input_address, &for_input, error);
    if (status == VG_OK) status = vg_store_open(output, output_address, options, error);
    if (status == VG_OK) warn_of_partitions(*output, observer);
    return status;
}

/* A folder: the nearest one above it that is there has to let something be made. */
static vg_status try_folder(const char *address, vg_error *error)
{
    char folder[VG_ADDRESS_CHARS];
    snprintf(folder, sizeof folder, "%s", address);
    while (access(folder, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder) return VG_OK;
        *slash = '\0';
    }
    struct stat facts;
    if (stat(folder, &facts) == 0 && !S_ISDIR(facts.st_mode))
        return vg_fail(error, VG_EIO, "the output %s cannot be written: %s is a file, not a folder",
                       address, folder);
    if (access(folder, W_OK | X_OK) == 0) return VG_OK;
    return vg_fail(error, VG_EIO, "the output %s cannot be written: %s: %s", address, folder,
                   strerror(errno));
}

vg_status vg_stores_try_output(vg_store *output, vg_error *error)
{
    if (vg_store_is_atomic(output)) return vg_layout_check_writable(output, error);
    return try_folder(vg_store_address(output), error);
}
