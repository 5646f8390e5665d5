#include "explore/row_digests.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/team.h"

typedef struct finding {
    const vg_row_table *table;
    unsigned char *digests;
    size_t threads;
    vg_status *statuses; /* [threads], as errors are */
    vg_error *errors;
} finding;

static void digest_share(void *argument, int part)
{
    const finding *work = argument;
    const vg_row_file *values = &work->table->values;
    size_t thread = (size_t)part, dims = (size_t)values->dims;
    vg_error *error = &work->errors[thread];
    vg_sha256 *sha256 = NULL;
    vg_status status = vg_sha256_open(&sha256, error);
    size_t end = values->count * (thread + 1) / work->threads;
    for (size_t i = values->count * thread / work->threads; i < end && status == VG_OK; i++) {
        status = vg_sha256_add(sha256, values->rows + i * dims, dims * sizeof(float), error);
        if (status == VG_OK)
            status = vg_sha256_take_bytes(sha256, work->digests + i * VG_SHA256_BYTES, error);
    }
    vg_sha256_close(&sha256);
    work->statuses[thread] = status;
}

vg_status vg_row_digests_find(unsigned char **digests, const vg_row_table *table, int threads,
                              vg_error *error)
{
    size_t count = vg_row_table_count(table);
    finding work = {.table = table, .threads = (size_t)threads};
    vg_team *team = NULL;
    *digests = work.digests = malloc(count * VG_SHA256_BYTES);
    work.statuses = calloc(work.threads, sizeof *work.statuses);
    work.errors = calloc(work.threads, sizeof *work.errors);
    vg_status status = VG_OK;
    if (*digests == NULL || work.statuses == NULL || work.errors == NULL)
        status = vg_fail_memory(error, count * VG_SHA256_BYTES);
    if (status == VG_OK) status = vg_team_open(&team, threads, error);
    if (status == VG_OK) vg_team_run(team, digest_share, &work);
    for (size_t i = 0; i < work.threads && status == VG_OK; i++)
        if ((status = work.statuses[i]) != VG_OK)
            vg_fail(error, status, "%s", work.errors[i].message);
    vg_team_close(&team);
    free(work.statuses);
    free(work.errors);
    return status;
}

vg_status vg_row_digests_sum(const unsigned char *digests, const vg_row_table *table,
                             char hex[VG_SHA256_CHARS], vg_error *error)
{
    vg_sha256 *sha256 = NULL;
    vg_status status = vg_sha256_open(&sha256, error);
    for (size_t i = 0; i < vg_row_table_count(table) && status == VG_OK; i++) {
        const char *path = table->paths.items[i].text, *label = table->labels.items[i].text;
        /* Their ends too, so that no two tables are the same bytes. */
        status = vg_sha256_add(sha256, path, strlen(path) + 1, error);
        if (status == VG_OK) status = vg_sha256_add(sha256, label, strlen(label) + 1, error);
        if (status == VG_OK)
            status = vg_sha256_add(sha256, digests + i * VG_SHA256_BYTES, VG_SHA256_BYTES, error);
    }
    if (status == VG_OK) status = vg_sha256_take(sha256, hex, error);
    vg_sha256_close(&sha256);
    return status;
}
