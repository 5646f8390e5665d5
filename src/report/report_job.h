/* A page over finished tables. */
#ifndef VG_REPORT_REPORT_JOB_H
#define VG_REPORT_REPORT_JOB_H

#include <stdbool.h>

#include "base/observer.h"
#include "explore/joined_columns.h"
#include "io/io.h"
#include "output/timestamp.h"

typedef struct vg_report_options {
    const char *output;      /* of a run, or of a PCA */
    const char *page;        /* a file on this machine */
    const char *title;       /* NULL takes the last part of the output's address */
    bool layout;             /* a map by neighbours, where there are any */
    const char *layout_file; /* a table of path, x and y; NULL for none */
    vg_join join;            /* columns to colour by; its file is NULL for none */
    bool explore;            /* write the table explore into the output too */
    int thumbnail_size;      /* 32 or 48 pixels, 0 for none */
    vg_store_options store;
    vg_image_options image;
    uint64_t max_file_size; /* bytes of one image file */
    const atomic_bool *cancel;
    vg_observer observer;
} vg_report_options;

/* With a layout, 32 pixels, 256 MiB. */
void vg_report_options_default(vg_report_options *options);

typedef struct vg_report_result {
    char timestamp[VG_TIMESTAMP_CHARS];
    uint64_t images, labels;
    uint64_t missing; /* images whose thumbnail could not be made */
    uint64_t bytes;   /* of the page */
    double seconds;
    char explore[VG_ADDRESS_CHARS]; /* address of that table; "" for none */
} vg_report_result;

/* Writes the page, whole or not at all. An output without a complete PCA table is
 * VG_ENOTFOUND. */
vg_status vg_report_run(const vg_report_options *options, vg_report_result *result,
                        vg_error *error);

#endif
