/* Where the tables of a run lie, and what their files are called. */
#ifndef VG_OUTPUT_LAYOUT_H
#define VG_OUTPUT_LAYOUT_H

#include <stddef.h>

#include "io/io.h"
#include "output/timestamp.h"

typedef enum vg_table {
    VG_TABLE_FEATURES,
    VG_TABLE_PCA,
    VG_TABLE_METADATA,
    VG_TABLE_ERRORS,
    VG_TABLE_MODEL_INFO,
    VG_TABLE_VARIANCE,
    VG_TABLE_PCA_FILE, /* pca.safetensors */
    VG_TABLE_IMAGES,
    VG_TABLE_COUNTS,
    VG_TABLE_NEIGHBOURS,
    VG_TABLE_INSPECTION,
    VG_TABLE_EXPLORE,
    VG_TABLE_EVALUATION,
    VG_TABLE_CONFUSION,
    VG_TABLE_PREDICTIONS,
    VG_TABLE_CLUSTERS,
    VG_TABLE_STATE, /* not for readers: what a run keeps about itself */
    VG_TABLE_COUNT
} vg_table;

enum { VG_FOLDER_CHARS = 64, VG_FILE_CHARS = 192, VG_UUID_CHARS = 37 };

/* A file of a part that is whole. */
typedef struct vg_part_file {
    char path[VG_FILE_CHARS]; /* relative to the output */
    vg_file_digest digest;
    char stamp[VG_STAMP_CHARS]; /* of when it was written; "" where the store has none */
} vg_part_file;

/* Features and errors, metadata, the images behind them and moments, in two formats at most. */
enum { VG_PART_FILES = 6 };

typedef struct vg_part_files {
    vg_part_file items[VG_PART_FILES];
    size_t count;
} vg_part_files;

/* "features/parquet/features_<ts>", relative to the output. The format tells only
 * tables apart that are written in both. */
void vg_layout_folder(char folder[VG_FOLDER_CHARS], vg_table table, vg_format format,
                      const char *timestamp);

/* The address of that folder. */
void vg_layout_address(char address[VG_ADDRESS_CHARS], const vg_store *output, vg_table table,
                       vg_format format, const char *timestamp);

/* Parquet where it is written, else CSV. */
static inline vg_format vg_first_format(bool parquet)
{
    return parquet ? VG_PARQUET : VG_CSV;
}

/* VG_EINVAL where nothing would be written. */
vg_status vg_check_formats(bool parquet, bool csv, vg_error *error);

/* "<folder>/part-00000-<uuid>.snappy.parquet", or the name under which readers
 * skip it: that with a '.' in front and ".inprogress" behind. */
void vg_layout_part(char file[VG_FILE_CHARS], const char *folder, uint64_t number, const char *uuid,
                    const char *extension, bool hidden);

/* Whether a table has no choice of formats; it counts as CSV. */
bool vg_layout_has_one_format(vg_table table);

/* Of the moments of a part, which lie in the run's state. */
#define VG_MOMENTS_EXTENSION ".moments"

/* ".snappy.parquet" or ".csv" */
const char *vg_layout_extension(vg_format format);

/* A random one (RFC 4122, version 4). */
vg_status vg_layout_uuid(char uuid[VG_UUID_CHARS], vg_error *error);

/* VG_EEXIST where one of the tables [n] has files of this timestamp already, other than
 * those that were only begun. */
vg_status vg_layout_check_absent(vg_store *output, const vg_table *tables, size_t n,
                                 const char *timestamp, vg_error *error);
/* Looks whether new tables [n] can have the timestamp, which vg_timestamp_choose made of `asked`.
 * One that was asked for and is taken is VG_EEXIST, unless it is to be overwritten; one that is the
 * time of the call, of two calls in one second, becomes the next that is free. */
vg_status vg_layout_free_timestamp(char timestamp[VG_TIMESTAMP_CHARS], vg_store *output,
                                   const vg_table *tables, size_t n, const char *asked,
                                   bool overwrite, vg_error *error);
vg_status vg_layout_delete(vg_store *output, const vg_table *tables, size_t n,
                           const char *timestamp, vg_error *error);

/* The number of a part file of that folder, named as vg_layout_part names it; false
 * for any other file. `path` is relative to the output. */
bool vg_layout_part_number(const char *path, const char *folder, uint64_t *number);

/* Whether the file is one that was being written: a run that was killed leaves it under a
 * hidden name. */
bool vg_layout_is_in_progress(const char *path);

/* Where all that is not for readers lies. */
#define VG_STATE_ROOT "_verger"

/* Writes a file there and deletes it, so that an output that cannot be written is
 * known before any work. */
vg_status vg_layout_check_writable(vg_store *output, vg_error *error);

/* Writes _SUCCESS. */
vg_status vg_layout_mark_complete(vg_store *output, const char *folder, vg_error *error);

/* Whether the file is of a run that wrote to `output`, a folder that may lie inside
 * the listed `input`. */
bool vg_layout_is_table_file(const vg_store *input, const vg_store *output, const char *path);

#endif
