/* The batches of a table file, one at a time, and the row at hand. */
#ifndef VG_OUTPUT_BATCH_READER_H
#define VG_OUTPUT_BATCH_READER_H

#include "io/io.h"
#include "table/table.h"

typedef struct vg_batch_reader {
    vg_reader *file;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    int64_t row; /* of the batch, the next to be read */
} vg_batch_reader;

/* `reader` starts as {0}. */
vg_status vg_batch_reader_open(vg_batch_reader *reader, vg_store *store, const char *path,
                               vg_format format, vg_error *error);
void vg_batch_reader_close(vg_batch_reader *reader);

/* Goes to the next batch where the one at hand has been read. `is_new` says that the
 * columns have to be looked up again; at the end reader->batch.release is NULL. */
vg_status vg_batch_reader_advance(vg_batch_reader *reader, bool *is_new, vg_error *error);

#endif
