/* A file that is there whole or not at all: written under a hidden name beside it, made
 * durable, renamed. Processes that write the same one do not meet; the last one's stays. */
#ifndef VG_BASE_NEW_FILE_H
#define VG_BASE_NEW_FILE_H

#include <stdio.h>

#include "verger/verger.h"

typedef struct vg_new_file {
    FILE *stream;
    const char *path; /* the caller's */
    char *temporary;
} vg_new_file;

vg_status vg_new_file_open(vg_new_file *file, const char *path, vg_error *error);

/* Puts the file in its place, or where `is_written` is 0 takes it away; errno says why. */
vg_status vg_new_file_close(vg_new_file *file, int is_written, vg_error *error);

/* Before long work: whether a file can be made there. Nothing stays of it. */
vg_status vg_new_file_try(const char *path, vg_error *error);

#endif
