/* What a builder holds, for the file that hands it over. */
#ifndef VG_TABLE_BUILDER_H
#define VG_TABLE_BUILDER_H

#include "table/table.h"

typedef struct vg_buffer {
    uint8_t *bytes; /* aligned, zero past `size` */
    size_t size, capacity;
} vg_buffer;

typedef struct vg_builder_column {
    char *name;
    vg_column_type type;
    int64_t length, null_count;
    vg_buffer validity; /* empty until the first null */
    vg_buffer offsets;  /* strings and lists: length + 1 of int32 */
    vg_buffer values;   /* of lists of strings: where each string ends, of int32; of booleans: a
                         * byte each, bits when they are handed over */
    vg_buffer text;     /* lists of strings: their bytes */
} vg_builder_column;

struct vg_builder {
    vg_builder_column *columns;
    size_t n;
};

bool vg_column_is_bytes(vg_column_type type);
bool vg_column_has_offsets(vg_column_type type);

/* Bytes of one value, or of one item of a string or a list. */
size_t vg_column_value_size(vg_column_type type);

/* Room for `more` bytes past `size`; never leaves `bytes` NULL. */
vg_status vg_buffer_reserve(vg_buffer *buffer, size_t more, vg_error *error);

#endif
