/* What a run keeps about a part that is whole: how many images it holds, its files and
 * their digests, its own figures. */
#ifndef VG_HISTORY_PART_RECORD_H
#define VG_HISTORY_PART_RECORD_H

#include "output/layout.h"

/* Seconds of each step, summed over the threads. */
typedef struct vg_step_times {
    double read;
    vg_extractor_times extract;
} vg_step_times;

typedef struct vg_part_record {
    uint64_t images, failed;
    char rows_sha256[VG_SHA256_CHARS]; /* of vg_part_rows; "" in records of earlier versions */
    vg_part_files files;               /* of the tables, of its images, and last of its moments */
    double seconds, write_seconds;
    vg_step_times times;
} vg_part_record;

/* Written when all files of the part are there: this makes the part count. */
vg_status vg_part_record_write(vg_store *output, const char *timestamp, uint64_t number,
                               const vg_part_record *record, vg_error *error);

vg_status vg_part_record_delete(vg_store *output, const char *timestamp, uint64_t number,
                                vg_error *error);

/* VG_ENOTFOUND where there is none, VG_EFORMAT where it is damaged. The figures are not
 * read. */
vg_status vg_part_record_read(vg_part_record *record, vg_store *output, const char *timestamp,
                              uint64_t number, vg_error *error);

/* The same from its bytes. */
vg_status vg_part_record_parse(vg_part_record *record, const char *json, size_t size,
                               vg_error *error);

/* Whether the file is as it was written: told by the stamp that it has now, or, where that is
 * another or `digests` asks for it, by its content. VG_EFORMAT, naming the file, where it is
 * not. */
vg_status vg_part_file_check(const vg_part_file *file, vg_store *output, const char *stamp,
                             bool digests, vg_error *error);

/* VG_EFORMAT, naming the file, where one of the files is not what was written. Moments are left to
 * who reads them, for they can be summed again. */
vg_status vg_part_record_check(const vg_part_record *record, vg_store *output, vg_error *error);

/* The same, told by their sizes alone. VG_ENOTFOUND where one is no more. */
vg_status vg_part_record_check_sizes(const vg_part_record *record, vg_store *output,
                                     vg_error *error);

/* The file of a table, in Parquet where there is the choice; NULL where there is none. */
const vg_part_file *vg_part_record_file(const vg_part_record *record, vg_table table,
                                        const char *timestamp, vg_format *format);

/* That of its moments, or NULL. */
const vg_part_file *vg_part_record_moments(const vg_part_record *record);

#endif
