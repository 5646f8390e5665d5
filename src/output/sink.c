#include "output/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/paths.h"

enum { BATCH_ROWS = 128 };

/* One format's side of the table. */
typedef struct format_side {
    vg_format format;
    char folder[VG_FOLDER_CHARS];
    char hidden[VG_FILE_CHARS]; /* the part's name while it is written; "" for none */
    vg_writer *writer;
} format_side;

struct vg_sink {
    vg_store *output;
    const vg_fact *facts;
    size_t fact_count;
    char uuid[VG_UUID_CHARS];
    char attempt[VG_UUID_CHARS]; /* tells hidden names of several writers of a part apart */
    format_side sides[VG_SINK_FORMATS];
    int side_count;
    vg_builder *builder;
    uint64_t part, rows; /* number of the part, and its rows so far */
    int batch_rows;
    bool part_is_open, goes_on;
};

static void add_side(vg_sink *sink, const vg_sink_options *options, vg_format format)
{
    format_side *side = &sink->sides[sink->side_count++];
    side->format = format;
    vg_layout_folder(side->folder, options->table, format, options->timestamp);
}

/* --- Parts of others ------------------------------------------------------------------ */

/* What lies in a folder: one part of another call, and all of this one where they are wanted. */
typedef struct part_search {
    const vg_sink *sink;
    const char *folder;
    char other[VG_FILE_CHARS];
    vg_paths *own; /* or NULL */
} part_search;

static vg_status note_part(void *context, const vg_file *file, vg_error *error)
{
    part_search *search = context;
    uint64_t number;
    if (!vg_layout_part_number(file->path, search->folder, &number)) return VG_OK;
    if (strstr(file->path + strlen(search->folder), search->sink->uuid) == NULL)
        snprintf(search->other, sizeof search->other, "%s", file->path);
    else if (search->own != NULL)
        return vg_paths_add(search->own, file->path, strlen(file->path), error);
    return VG_OK;
}

static vg_status check_parts(const vg_sink *sink, vg_error *error)
{
    for (int i = 0; i < sink->side_count; i++) {
        part_search search = {.sink = sink, .folder = sink->sides[i].folder};
        vg_status status = vg_store_list(sink->output, search.folder, note_part, &search, error);
        if (status != VG_OK && status != VG_ENOTFOUND) return status;
        if (search.other[0] != '\0')
            return vg_fail(error, VG_EEXIST,
                           "%s/%s is of another call, which writes this table too: wait for its "
                           "end, or take another --timestamp",
                           vg_store_address(sink->output), search.other);
    }
    return VG_OK;
}

/* As far as that goes: what is left is in no complete table, or beside the parts of a call that
 * takes no notice. */
static void delete_parts(const vg_sink *sink)
{
    for (int i = 0; i < sink->side_count; i++) {
        vg_paths own = {0};
        part_search search = {.sink = sink, .folder = sink->sides[i].folder, .own = &own};
        vg_store_list(sink->output, search.folder, note_part, &search, NULL);
        for (size_t n = 0; n < own.count; n++)
            vg_store_delete_file(sink->output, own.items[n].text, NULL);
        vg_paths_free(&own);
    }
}

/* --- The sink --------------------------------------------------------------------------- */

vg_status vg_sink_open(vg_sink **sink, const vg_sink_options *options, vg_error *error)
{
    *sink = NULL;
    vg_sink *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->output = options->output;
    opened->facts = options->facts;
    opened->fact_count = options->fact_count;
    opened->goes_on = options->goes_on;
    if (options->parquet) add_side(opened, options, VG_PARQUET);
    if (options->csv) add_side(opened, options, VG_CSV);

    snprintf(opened->uuid, sizeof opened->uuid, "%s", options->uuid);

    vg_status status = vg_layout_uuid(opened->attempt, error);
    if (status == VG_OK)
        status = vg_builder_open(&opened->builder, options->columns, options->column_count, error);
    if (status == VG_OK && !opened->goes_on) status = check_parts(opened, error);
    if (status != VG_OK) vg_sink_close(&opened);
    *sink = opened;
    return status;
}

/* The writer drops the file if it was not finished; a finished one that never got
 * its own name goes here. */
static void drop_side(vg_sink *sink, format_side *side)
{
    bool was_open = side->writer != NULL;
    vg_writer_close(&side->writer);
    if (side->hidden[0] != '\0' && !was_open)
        vg_store_delete_file(sink->output, side->hidden, NULL);
    side->hidden[0] = '\0';
}

void vg_sink_close(vg_sink **sink)
{
    if (*sink == NULL) return;
    for (int i = 0; i < (*sink)->side_count; i++) drop_side(*sink, &(*sink)->sides[i]);
    vg_builder_close(&(*sink)->builder);
    free(*sink);
    *sink = NULL;
}

vg_builder *vg_sink_builder(vg_sink *sink)
{
    return sink->builder;
}

uint64_t vg_sink_rows(const vg_sink *sink)
{
    return sink->rows;
}

void vg_sink_begin_part(vg_sink *sink, uint64_t number)
{
    sink->part = number;
    sink->rows = 0;
}

/* A store whose files appear whole needs no second name. */
static void part_name(const vg_sink *sink, const format_side *side, bool hidden,
                      char name[VG_FILE_CHARS])
{
    char ending[32];
    bool is_hidden = hidden && !vg_store_is_atomic(sink->output);
    const char *extension = vg_layout_extension(side->format);
    snprintf(ending, sizeof ending, "%s.%.8s", extension, sink->attempt);
    vg_layout_part(name, side->folder, sink->part, sink->uuid, is_hidden ? ending : extension,
                   is_hidden);
}

static vg_status open_part(vg_sink *sink, const struct ArrowSchema *schema, vg_error *error)
{
    for (int i = 0; i < sink->side_count; i++) {
        format_side *side = &sink->sides[i];
        part_name(sink, side, true, side->hidden);
        vg_status status = vg_writer_open(&side->writer, sink->output, side->hidden, side->format,
                                          schema, sink->facts, sink->fact_count, error);
        if (status != VG_OK) {
            side->hidden[0] = '\0';
            return status;
        }
    }
    sink->part_is_open = true;
    return VG_OK;
}

static vg_status write_batch(vg_sink *sink, vg_error *error)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    vg_status status = vg_builder_finish(sink->builder, &schema, &batch, error);
    if (status != VG_OK) return status;
    sink->batch_rows = 0;
    if (!sink->part_is_open) status = open_part(sink, &schema, error);
    for (int i = 0; i < sink->side_count && status == VG_OK && batch.length > 0; i++)
        status = vg_writer_write(sink->sides[i].writer, &batch, error);
    vg_schema_release(&schema);
    vg_batch_release(&batch);
    return status;
}

vg_status vg_sink_end_row(vg_sink *sink, vg_error *error)
{
    sink->rows++;
    if (++sink->batch_rows < BATCH_ROWS) return VG_OK;
    return write_batch(sink, error);
}

static vg_status commit_side(vg_sink *sink, format_side *side, vg_part_file *file, vg_error *error)
{
    part_name(sink, side, false, file->path);
    if (strcmp(file->path, side->hidden) != 0) {
        vg_status status = vg_store_rename(sink->output, side->hidden, file->path, error);
        if (status != VG_OK) return status;
    }
    side->hidden[0] = '\0';
    return VG_OK;
}

vg_status vg_sink_end_part(vg_sink *sink, vg_part_files *files, vg_error *error)
{
    vg_status status = VG_OK;
    vg_part_file ended[VG_SINK_FORMATS];
    if (sink->batch_rows > 0 || !sink->part_is_open) status = write_batch(sink, error);
    for (int i = 0; i < sink->side_count && status == VG_OK; i++) {
        status = vg_writer_finish(sink->sides[i].writer, &ended[i].digest, error);
        if (status == VG_OK) vg_writer_close(&sink->sides[i].writer);
    }
    for (int i = 0; i < sink->side_count && status == VG_OK; i++)
        status = commit_side(sink, &sink->sides[i], &ended[i], error);
    if (status == VG_OK) sink->part_is_open = false;
    for (int i = 0; i < sink->side_count && files != NULL && status == VG_OK; i++) {
        status = vg_store_stamp(sink->output, ended[i].path, ended[i].stamp, error);
        if (status == VG_OK) files->items[files->count++] = ended[i];
    }
    return status;
}

vg_status vg_sink_mark_complete(vg_sink *sink, vg_error *error)
{
    vg_status status = check_parts(sink, error);
    if (status == VG_EEXIST && !sink->goes_on) delete_parts(sink);
    for (int i = 0; i < sink->side_count && status == VG_OK; i++)
        status = vg_layout_mark_complete(sink->output, sink->sides[i].folder, error);
    return status;
}
