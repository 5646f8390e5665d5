/* What a list of images says of one of them, whatever the list's format. */
#ifndef VG_SELECTION_LIST_FIELDS_H
#define VG_SELECTION_LIST_FIELDS_H

#include <stdbool.h>

#include "selection/texts.h"
#include "verger/verger.h"

/* A value; NUL-terminated once something was appended. */
typedef struct vg_list_field {
    char *text;
    size_t size, capacity;
    size_t most; /* bytes that it may have */
} vg_list_field;

/* The fields of an image; from the last on those that are kept. */
enum { VG_LIST_PATH, VG_LIST_LABEL, VG_LIST_SPLIT, VG_LIST_KEPT };

enum { VG_NO_COLUMN = -1 };

/* What is wanted of a table. */
typedef struct vg_list_wishes {
    const char *label_column; /* NULL for label, class or category */
    vg_texts keep;
    bool leaves_labels; /* labels come from elsewhere */
} vg_list_wishes;

typedef struct vg_list_fields {
    const char *list; /* its name, for messages */
    size_t line;      /* of the record in hand, from 1 */
    const vg_list_wishes *wishes;
    vg_list_field *items;
    int *column_at; /* which of a table's columns each is, or VG_NO_COLUMN */
    size_t count;
} vg_list_fields;

/* The names of a column's fields must outlive them, and the wishes too. */
vg_status vg_list_fields_open(vg_list_fields *fields, const char *list,
                              const vg_list_wishes *wishes, vg_error *error);
void vg_list_fields_close(vg_list_fields *fields);

/* Names of a column in small letters, the first that is there before the others; NULL ends
 * them. `field` is one before VG_LIST_KEPT. */
const char *const *vg_list_names(int field);

/* The column that holds paths, or VG_NO_COLUMN. */
int vg_list_path_column(char *const *names, size_t n);
/* Finds the columns among the names of a table's. VG_EFORMAT where none holds paths,
 * VG_EINVAL where one that is wanted is not there. */
vg_status vg_list_choose_columns(vg_list_fields *fields, char *const *names, size_t n,
                                 vg_error *error);

void vg_list_clear(vg_list_fields *fields);
vg_status vg_list_append(const vg_list_fields *fields, vg_list_field *to, const char *bytes,
                         size_t size, vg_error *error);
/* Names are as tables hold them (vg_builder_name). */
void vg_list_unescape(vg_list_fields *fields);
const char *vg_list_text(const vg_list_field *field);

#endif
