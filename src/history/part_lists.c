#include "history/part_lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/observer.h"
#include "output/batch_reader.h"
#include "output/layout.h"

/* A bucket takes some ten files a second from one writer, and who wants a part reads the file up
 * to it. */
enum { PARTS_A_FILE = 16, BATCH_ROWS = 1024 };

/* Bytes as the store and the rules of selection have them, whether they are UTF-8 or not. */
enum { PART, PATH, SIZE, MODIFIED, LABEL, SPLIT, KEPT, EARLIER, COLUMNS };
static const vg_column columns[COLUMNS] = {
    {"part", VG_COLUMN_INT64},     {"path", VG_COLUMN_BINARY},  {"size", VG_COLUMN_INT64},
    {"modified", VG_COLUMN_INT64}, {"label", VG_COLUMN_BINARY}, {"split", VG_COLUMN_BINARY},
    {"kept", VG_COLUMN_BINARY},    {"earlier", VG_COLUMN_INT64}};

/* In the column earlier: no part of the run that is updated has the image. */
enum { IN_NO_PART = -1 };

static void list_file(char file[VG_FILE_CHARS], const char *timestamp, uint64_t number)
{
    char folder[VG_FOLDER_CHARS];
    vg_layout_folder(folder, VG_TABLE_STATE, VG_PARQUET, timestamp);
    snprintf(file, VG_FILE_CHARS, "%s/list-%05llu%s", folder, (unsigned long long)number,
             vg_layout_extension(VG_PARQUET));
}

/* --- Writing ---------------------------------------------------------------------- */

typedef struct writing {
    vg_store *output;
    const char *timestamp;
    const atomic_bool *cancel;
    vg_image_cursor *images;
    vg_listed_image image; /* the next one; its path is NULL past the last */
    const vg_part_bounds *parts;
    uint64_t number, part;      /* of that image, and of its part */
    vg_earlier_cursor *earlier; /* NULL where no run is updated */
    vg_builder *builder;
    vg_writer *file;
} writing;

static vg_status find_earlier(writing *state, int64_t *part, vg_error *error)
{
    const vg_kept_image *kept = NULL;
    vg_status status = VG_OK;
    if (state->earlier != NULL)
        status = vg_earlier_cursor_seek(state->earlier, state->image.path, &kept, NULL, error);
    *part = kept != NULL ? (int64_t)vg_earlier_cursor_part(state->earlier) : IN_NO_PART;
    return status;
}

static vg_status append(writing *state, vg_error *error)
{
    vg_builder *builder = state->builder;
    const vg_listed_image *image = &state->image;
    if (state->number++ == state->parts->firsts[state->part + 1]) state->part++;
    int64_t earlier = IN_NO_PART;
    vg_status status = find_earlier(state, &earlier, error);
    if (status == VG_OK) status = vg_builder_int64(builder, EARLIER, earlier, error);
    if (status == VG_OK) status = vg_builder_int64(builder, PART, (int64_t)state->part, error);
    if (status == VG_OK)
        status = vg_builder_binary(builder, PATH, image->path, strlen(image->path), error);
    if (status == VG_OK) status = vg_builder_int64(builder, SIZE, image->size, error);
    if (status == VG_OK) status = vg_builder_int64(builder, MODIFIED, image->modified, error);
    if (status == VG_OK)
        status = vg_builder_binary(builder, LABEL, image->label, strlen(image->label), error);
    if (status == VG_OK)
        status = vg_builder_binary(builder, SPLIT, image->split, strlen(image->split), error);
    if (status == VG_OK)
        status = vg_builder_binary(builder, KEPT, image->columns, image->columns_size, error);
    return status == VG_OK ? vg_image_cursor_next(state->images, &state->image, error) : status;
}

/* At most `rows` images as one batch. */
static vg_status write_batch(writing *state, uint64_t rows, vg_error *error)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    vg_status status = vg_check_cancel(state->cancel, error);
    for (uint64_t i = 0; i < rows && status == VG_OK && state->image.path != NULL; i++)
        status = append(state, error);
    if (status == VG_OK) status = vg_builder_finish(state->builder, &schema, &batch, error);
    if (status == VG_OK) status = vg_writer_write(state->file, &batch, error);
    vg_schema_release(&schema);
    vg_batch_release(&batch);
    return status;
}

static vg_status write_file(writing *state, uint64_t number, uint64_t rows, vg_error *error)
{
    char file[VG_FILE_CHARS];
    struct ArrowSchema schema = {0};
    list_file(file, state->timestamp, number);
    vg_status status = vg_builder_schema(state->builder, &schema, error);
    if (status == VG_OK)
        status =
            vg_writer_open(&state->file, state->output, file, VG_PARQUET, &schema, NULL, 0, error);
    vg_schema_release(&schema);
    while (status == VG_OK && rows > 0 && state->image.path != NULL) {
        uint64_t some = rows < BATCH_ROWS ? rows : BATCH_ROWS;
        status = write_batch(state, some, error);
        rows -= some;
    }
    if (status == VG_OK) status = vg_writer_finish(state->file, NULL, error);
    vg_writer_close(&state->file);
    return status;
}

vg_status vg_part_lists_write(vg_store *output, const char *timestamp, const vg_image_list *images,
                              const vg_part_bounds *parts, const vg_earlier_run *earlier,
                              const atomic_bool *cancel, vg_error *error)
{
    writing state = {.output = output, .timestamp = timestamp, .parts = parts, .cancel = cancel};
    vg_status status = vg_image_cursor_open(&state.images, images, 0, error);
    if (status == VG_OK && earlier != NULL)
        status = vg_earlier_cursor_open(&state.earlier, earlier, error);
    if (status == VG_OK) status = vg_builder_open(&state.builder, columns, COLUMNS, error);
    if (status == VG_OK) status = vg_image_cursor_next(state.images, &state.image, error);
    for (uint64_t i = 0; i < parts->count && status == VG_OK; i += PARTS_A_FILE) {
        uint64_t end = i + PARTS_A_FILE < parts->count ? i + PARTS_A_FILE : parts->count;
        status = write_file(&state, i / PARTS_A_FILE, parts->firsts[end] - parts->firsts[i], error);
    }
    vg_builder_close(&state.builder);
    vg_earlier_cursor_close(&state.earlier);
    vg_image_cursor_close(&state.images);
    return status;
}

/* --- Reading ------------------------------------------------------------------------ */

typedef struct reading {
    vg_batch_reader file;
    vg_column_view views[COLUMNS];
    char *texts[COLUMNS];
    size_t capacities[COLUMNS];
} reading;

static vg_status find_columns(reading *state, vg_error *error)
{
    vg_status status = VG_OK;
    for (size_t i = 0; i < COLUMNS && status == VG_OK; i++) {
        vg_column_view *view = &state->views[i];
        status =
            vg_column_find(&state->file.schema, &state->file.batch, columns[i].name, view, error);
        if (status != VG_OK) return status;
        status = columns[i].type == VG_COLUMN_INT64 ? vg_column_check_int64(view, error)
                                                    : vg_column_check_bytes(view, error);
    }
    return status;
}

/* A text of the row, with a NUL. */
static vg_status take_text(reading *state, int column, int64_t row, const char **text,
                           size_t *length, vg_error *error)
{
    const char *bytes;
    size_t size;
    vg_column_bytes(&state->views[column], row, &bytes, &size);
    if (size >= state->capacities[column]) {
        char *copy = realloc(state->texts[column], 2 * size + 1);
        if (copy == NULL) return vg_fail_memory(error, 2 * size + 1);
        state->texts[column] = copy;
        state->capacities[column] = 2 * size + 1;
    }
    memcpy(state->texts[column], bytes, size);
    state->texts[column][size] = '\0';
    *text = state->texts[column];
    *length = size;
    return VG_OK;
}

static void note_earlier(vg_listed_part *part, int64_t number)
{
    if (number == IN_NO_PART) return;
    uint64_t earlier = (uint64_t)number;
    if (part->earlier_end == 0) part->earlier_first = earlier;
    part->earlier_end = earlier + 1; /* images and parts are in one order */
}

static vg_status take_image(reading *state, vg_listed_part *to, vg_error *error)
{
    int64_t row = state->file.row;
    note_earlier(to, vg_column_int64(&state->views[EARLIER], row));
    vg_listed_image image = {.size = vg_column_int64(&state->views[SIZE], row),
                             .modified = vg_column_int64(&state->views[MODIFIED], row)};
    size_t size;
    vg_status status = take_text(state, PATH, row, &image.path, &size, error);
    if (status == VG_OK) status = take_text(state, LABEL, row, &image.label, &size, error);
    if (status == VG_OK) status = take_text(state, SPLIT, row, &image.split, &size, error);
    if (status == VG_OK)
        status = take_text(state, KEPT, row, &image.columns, &image.columns_size, error);
    return status == VG_OK ? vg_image_list_add(to->images, &image, error) : status;
}

/* Up to the first image of a part after it: parts are in their order. */
static vg_status take_images(reading *state, vg_listed_part *to, uint64_t number, vg_error *error)
{
    for (;;) {
        bool is_new;
        vg_status status = vg_batch_reader_advance(&state->file, &is_new, error);
        if (status != VG_OK || state->file.batch.release == NULL) return status;
        if (is_new) status = find_columns(state, error);
        if (status != VG_OK) return status;
        uint64_t part = (uint64_t)vg_column_int64(&state->views[PART], state->file.row);
        if (part > number) return VG_OK;
        if (part == number) status = take_image(state, to, error);
        if (status != VG_OK) return status;
        state->file.row++;
    }
}

vg_status vg_part_lists_read(vg_listed_part *part, vg_store *output, const char *timestamp,
                             uint64_t number, vg_error *error)
{
    char file[VG_FILE_CHARS];
    reading state = {0};
    list_file(file, timestamp, number / PARTS_A_FILE);
    *part = (vg_listed_part){0};
    vg_status status = vg_image_list_open(&part->images, 0, error);
    if (status == VG_OK)
        status = vg_batch_reader_open(&state.file, output, file, VG_PARQUET, error);
    if (status == VG_OK) status = take_images(&state, part, number, error);
    if (status == VG_OK) status = vg_image_list_finish(part->images, NULL, error);
    if (status == VG_OK && vg_image_list_count(part->images) == 0)
        status = vg_fail(error, VG_EFORMAT, "%s/%s has no images of part %llu",
                         vg_store_address(output), file, (unsigned long long)number);
    vg_batch_reader_close(&state.file);
    for (int i = 0; i < COLUMNS; i++) free(state.texts[i]);
    if (status != VG_OK) vg_image_list_close(&part->images);
    return status;
}

vg_status vg_part_lists_delete(vg_store *output, const char *timestamp, uint64_t parts,
                               vg_error *error)
{
    vg_status status = VG_OK;
    for (uint64_t i = 0; i * PARTS_A_FILE < parts && status == VG_OK; i++) {
        char file[VG_FILE_CHARS];
        list_file(file, timestamp, i);
        status = vg_store_delete_file(output, file, error);
    }
    return status;
}
