#include "history/part_images.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "history/packed_quality.h"
#include "output/batch_reader.h"

/* Paths are bytes here: what the store calls the image, whether it is UTF-8 or not. */
enum { PATH, SIZE, MODIFIED, SHA256, HAS_FEATURES, QUALITY, COLUMNS };
static const vg_column columns[COLUMNS] = {
    {"path", VG_COLUMN_BINARY},        {"size", VG_COLUMN_INT64},
    {"modified", VG_COLUMN_INT64},     {"sha256", VG_COLUMN_STRING},
    {"has_features", VG_COLUMN_INT64}, {"quality", VG_COLUMN_BINARY}}; /* not of all runs */

vg_status vg_part_images_open(vg_sink **sink, vg_store *output, const char *timestamp,
                              const char *uuid, bool with_quality, vg_error *error)
{
    vg_sink_options options = {.output = output,
                               .table = VG_TABLE_STATE,
                               .parquet = true,
                               .timestamp = timestamp,
                               .uuid = uuid,
                               .columns = columns,
                               .column_count = with_quality ? COLUMNS : QUALITY,
                               .goes_on = true};
    return vg_sink_open(sink, &options, error);
}

static vg_status append_quality(vg_builder *builder, const vg_kept_image *image, vg_error *error)
{
    uint8_t packed[VG_PACKED_QUALITY_BYTES];
    if (!image->has_quality) return vg_builder_null(builder, QUALITY, error);
    vg_packed_quality_write(packed, &image->quality);
    return vg_builder_binary(builder, QUALITY, packed, sizeof packed, error);
}

vg_status vg_part_images_append(vg_sink *sink, const vg_kept_image *image, bool with_quality,
                                vg_error *error)
{
    const vg_listed_image *listed = &image->image;
    const char *path = listed->path, *sha256 = image->sha256;
    vg_builder *builder = vg_sink_builder(sink);
    vg_status status = vg_builder_binary(builder, PATH, path, strlen(path), error);
    if (status == VG_OK) status = vg_builder_int64(builder, SIZE, listed->size, error);
    if (status == VG_OK) status = vg_builder_int64(builder, MODIFIED, listed->modified, error);
    if (status == VG_OK) status = vg_builder_string(builder, SHA256, sha256, strlen(sha256), error);
    if (status == VG_OK)
        status = vg_builder_int64(builder, HAS_FEATURES, image->has_features, error);
    if (status == VG_OK && with_quality) status = append_quality(builder, image, error);
    return status == VG_OK ? vg_sink_end_row(sink, error) : status;
}

struct vg_part_images_reader {
    vg_batch_reader file;
    vg_column_view views[COLUMNS];
    char *path;
    size_t path_capacity;
};

vg_status vg_part_images_reader_open(vg_part_images_reader **reader, vg_store *store,
                                     const char *path, vg_error *error)
{
    vg_part_images_reader *opened = *reader = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    vg_status status = vg_batch_reader_open(&opened->file, store, path, VG_PARQUET, error);
    if (status != VG_OK) vg_part_images_reader_close(reader);
    return status;
}

void vg_part_images_reader_close(vg_part_images_reader **reader)
{
    if (*reader == NULL) return;
    vg_batch_reader_close(&(*reader)->file);
    free((*reader)->path);
    free(*reader);
    *reader = NULL;
}

static vg_status find_columns(vg_part_images_reader *reader, vg_error *error)
{
    vg_status status = VG_OK;
    for (size_t i = 0; i < COLUMNS && status == VG_OK; i++) {
        vg_column_view *view = &reader->views[i];
        vg_error *reason = i == QUALITY ? NULL : error; /* its lack is none */
        status = vg_column_find(&reader->file.schema, &reader->file.batch, columns[i].name, view,
                                reason);
        if (i == QUALITY && status == VG_ENOTFOUND) {
            *view = (vg_column_view){0};
            return VG_OK;
        }
        if (status != VG_OK) return status;
        status = columns[i].type == VG_COLUMN_INT64 ? vg_column_check_int64(view, error)
                                                    : vg_column_check_bytes(view, error);
    }
    return status;
}

static vg_status copy_path(vg_part_images_reader *reader, int64_t row, vg_error *error)
{
    const char *path;
    size_t size;
    vg_column_bytes(&reader->views[PATH], row, &path, &size);
    if (size >= reader->path_capacity) {
        char *copy = realloc(reader->path, 2 * size + 1);
        if (copy == NULL) return vg_fail_memory(error, 2 * size + 1);
        reader->path = copy;
        reader->path_capacity = 2 * size + 1;
    }
    memcpy(reader->path, path, size);
    reader->path[size] = '\0';
    return VG_OK;
}

static void read_quality(const vg_column_view *column, int64_t row, vg_kept_image *image)
{
    const char *packed;
    size_t size;
    if (column->array == NULL || vg_column_is_null(column, row)) return;
    vg_column_bytes(column, row, &packed, &size);
    image->has_quality = vg_packed_quality_read(&image->quality, packed, size);
}

vg_status vg_part_images_reader_next(vg_part_images_reader *reader, vg_kept_image *image,
                                     vg_error *error)
{
    bool is_new;
    *image = (vg_kept_image){0};
    vg_status status = vg_batch_reader_advance(&reader->file, &is_new, error);
    if (status != VG_OK || reader->file.batch.release == NULL) return status;
    if (is_new) status = find_columns(reader, error);
    int64_t row = reader->file.row++;
    if (status == VG_OK) status = copy_path(reader, row, error);
    if (status != VG_OK) return status;

    const char *sha256;
    size_t size;
    vg_column_bytes(&reader->views[SHA256], row, &sha256, &size);
    if (size == VG_SHA256_CHARS - 1) memcpy(image->sha256, sha256, size);
    image->image = (vg_listed_image){.path = reader->path,
                                     .size = vg_column_int64(&reader->views[SIZE], row),
                                     .modified = vg_column_int64(&reader->views[MODIFIED], row)};
    image->has_features = vg_column_int64(&reader->views[HAS_FEATURES], row) != 0;
    read_quality(&reader->views[QUALITY], row, image);
    return VG_OK;
}
