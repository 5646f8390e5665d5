/* Lists of images, record by record: plain text, CSV and TSV (text_list.c), JSON lines
 * (json_list.c), Parquet (parquet_list.c). */
#ifndef VG_SELECTION_LIST_READER_H
#define VG_SELECTION_LIST_READER_H

#include <stdio.h>

#include "output/batch_reader.h"
#include "selection/list_fields.h"

/* Of one list; `fields` is what its user looks at, the rest is the formats'. */
typedef struct vg_list_reader {
    vg_list_fields fields;
    bool is_table; /* or a plain list of paths */
    FILE *file;    /* of all formats but Parquet */
    bool owns_file;
    vg_bytes content; /* that the file reads from, of a list in a store */

    char separator; /* of CSV and TSV */
    char **names;   /* of the columns */
    size_t name_count;
    vg_list_field line; /* of JSON lines, and the first of any text */
    bool is_json, holds_line;
    bool *was_seen; /* of JSON lines: which of the kept columns any line had */

    vg_store *store; /* of Parquet; owned where `owns_store` */
    bool owns_store;
    vg_batch_reader rows;
    vg_column_view *views; /* of the fields */
    bool is_parquet;
} vg_list_reader;

/* A list that is a local file, or standard input where `name` is "-"; or the file `name` of
 * `store`, where that is not NULL. `wishes` must outlive the reader, and `name` too. */
vg_status vg_list_reader_open(vg_list_reader *reader, vg_store *store, const char *name,
                              const vg_list_wishes *wishes, vg_error *error);
void vg_list_reader_close(vg_list_reader *reader);

/* The next record into reader->fields; `found` is false at the end. */
vg_status vg_list_reader_next(vg_list_reader *reader, bool *found, vg_error *error);

/* --- The formats ---------------------------------------------------------------------- */

/* Reads a line without its end into `to`; at the end of the file `found` is false. */
vg_status vg_list_read_line(vg_list_reader *reader, vg_list_field *to, bool *found,
                            vg_error *error);
/* Whether the file has such an ending, in any case. */
bool vg_list_ends_in(const char *name, const char *ending);

/* Of the first line, which reader->line holds. */
vg_status vg_text_list_begin(vg_list_reader *reader, vg_error *error);
vg_status vg_text_list_next(vg_list_reader *reader, bool *found, vg_error *error);

bool vg_json_list_is(const vg_list_reader *reader);
vg_status vg_json_list_begin(vg_list_reader *reader, vg_error *error);
vg_status vg_json_list_next(vg_list_reader *reader, bool *found, vg_error *error);

vg_status vg_parquet_list_begin(vg_list_reader *reader, const char *name, vg_error *error);
vg_status vg_parquet_list_next(vg_list_reader *reader, bool *found, vg_error *error);
void vg_parquet_list_end(vg_list_reader *reader);

#endif
