#include "history/part_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "history/run_plan.h"

struct vg_part_rows {
    vg_sha256 *sha256;
    char *run; /* what is the same for all parts of the run; owned */
    size_t run_size;
    bool has_begun; /* a part */
};

static void put(FILE *out, const char *text)
{
    fputs(text, out);
    fputc('\0', out);
}

static void put_run(FILE *out, const char *input, const vg_run_options *options,
                    const vg_fact *facts, size_t fact_count)
{
    const vg_texts *kept = &options->selection.keep_columns;
    fprintf(out, "%d %d %d %d %d", VG_TABLES_VERSION, options->parquet, options->csv,
            options->form.normalize, options->form.float16);
    put(out, vg_io_libraries());
    put(out, input);
    for (size_t i = 0; i < kept->count; i++) put(out, kept->items[i]);
    put(out, "");
    for (size_t i = 0; i < fact_count; i++) {
        put(out, facts[i].key);
        put(out, facts[i].value);
    }
}

vg_status vg_part_rows_open(vg_part_rows **rows, const char *input, const vg_run_options *options,
                            const vg_fact *facts, size_t fact_count, vg_error *error)
{
    vg_part_rows *opened = *rows = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    FILE *out = open_memstream(&opened->run, &opened->run_size);
    bool failed = out == NULL;
    if (!failed) put_run(out, input, options, facts, fact_count);
    if (!failed) failed = ferror(out) != 0;
    if (out != NULL) failed = fclose(out) != 0 || failed;
    vg_status status = failed ? vg_fail_memory(error, opened->run_size) : VG_OK;
    if (status == VG_OK) status = vg_sha256_open(&opened->sha256, error);
    if (status != VG_OK) vg_part_rows_close(rows);
    return status;
}

void vg_part_rows_close(vg_part_rows **rows)
{
    if (*rows == NULL) return;
    vg_sha256_close(&(*rows)->sha256);
    free((*rows)->run);
    free(*rows);
    *rows = NULL;
}

static vg_status begin(vg_part_rows *rows, vg_error *error)
{
    if (rows->has_begun) return VG_OK;
    rows->has_begun = true;
    return vg_sha256_add(rows->sha256, rows->run, rows->run_size, error);
}

/* Each text with its NUL, and how long the columns are together. */
vg_status vg_part_rows_add(vg_part_rows *rows, const vg_listed_image *image, vg_error *error)
{
    const uint64_t columns_size = image->columns_size;
    vg_sha256 *to = rows->sha256;
    vg_status status = begin(rows, error);
    if (status == VG_OK) status = vg_sha256_add(to, image->path, strlen(image->path) + 1, error);
    if (status == VG_OK) status = vg_sha256_add(to, image->label, strlen(image->label) + 1, error);
    if (status == VG_OK) status = vg_sha256_add(to, image->split, strlen(image->split) + 1, error);
    if (status == VG_OK) status = vg_sha256_add(to, &columns_size, sizeof columns_size, error);
    if (status == VG_OK) status = vg_sha256_add(to, image->columns, image->columns_size, error);
    return status;
}

vg_status vg_part_rows_take(vg_part_rows *rows, char sha256[VG_SHA256_CHARS], vg_error *error)
{
    vg_status status = begin(rows, error);
    rows->has_begun = false;
    return status == VG_OK ? vg_sha256_take(rows->sha256, sha256, error) : status;
}
