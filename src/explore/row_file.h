/* Rows of floats in a file without a name, mapped: memory is the system's to give and take,
 * and the file goes with the process. */
#ifndef VG_EXPLORE_ROW_FILE_H
#define VG_EXPLORE_ROW_FILE_H

#include <stdio.h>

#include "verger/verger.h"

typedef struct vg_row_file {
    FILE *stream; /* while rows are appended */
    int dims;
    size_t count;
    float *rows; /* [count][dims] once they are mapped, to be read and written */
} vg_row_file;

/* In $TMPDIR, or /tmp. */
vg_status vg_row_file_open(vg_row_file *file, int dims, vg_error *error);
vg_status vg_row_file_append(vg_row_file *file, const float *row, vg_error *error);
/* After the last row; there is at least one. */
vg_status vg_row_file_map(vg_row_file *file, vg_error *error);
void vg_row_file_close(vg_row_file *file);

#endif
