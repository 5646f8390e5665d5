#include "output/batch_reader.h"

#include "base/error.h"

vg_status vg_batch_reader_open(vg_batch_reader *reader, vg_store *store, const char *path,
                               vg_format format, vg_error *error)
{
    *reader = (vg_batch_reader){0};
    return vg_reader_open(&reader->file, store, path, format, error);
}

static void release(vg_batch_reader *reader)
{
    vg_schema_release(&reader->schema);
    vg_batch_release(&reader->batch);
    reader->row = 0;
}

void vg_batch_reader_close(vg_batch_reader *reader)
{
    release(reader);
    vg_reader_close(&reader->file);
}

vg_status vg_batch_reader_advance(vg_batch_reader *reader, bool *is_new, vg_error *error)
{
    *is_new = reader->batch.release == NULL || reader->row == reader->batch.length;
    if (!*is_new) return VG_OK;
    release(reader);
    return vg_reader_next(reader->file, &reader->schema, &reader->batch, error);
}
