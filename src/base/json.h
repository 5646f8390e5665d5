/* The little JSON that a safetensors header and the state of a run are made of, read
 * strictly and in place. A library would bring a tree, an allocator and one more
 * dependency of libverger.so for objects of strings and whole numbers. RFC 8259. */
#ifndef VG_BASE_JSON_H
#define VG_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct vg_json {
    const char *next, *end;
} vg_json;

/* A string as it stands between its quotes, escapes checked but not decoded. */
typedef struct vg_json_string {
    const char *text;
    size_t size;
} vg_json_string;

/* Each skips white space, then takes its token or leaves the text alone. */
bool vg_json_take(vg_json *json, char punctuation);
bool vg_json_take_string(vg_json *json, vg_json_string *string);
/* A whole number from 0 to 2^64 - 1. */
bool vg_json_take_number(vg_json *json, uint64_t *number);
bool vg_json_at_end(vg_json *json);

bool vg_json_equal(vg_json_string string, const char *text);

/* Copies a string of printable ASCII without escapes; false if it is another or
 * does not fit. */
bool vg_json_copy_plain(vg_json_string string, char *text, size_t capacity);

/* Writes `text` as a JSON string, in its quotes; bytes that are no UTF-8 become
 * \xNN, and what a terminal must not get \uNNNN. */
void vg_json_write_string(FILE *out, const char *text);

#endif
