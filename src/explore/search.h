/* The images of an output that are nearest to some others: to rows that it has, or to new
 * images. */
#ifndef VG_EXPLORE_SEARCH_H
#define VG_EXPLORE_SEARCH_H

#include "base/observer.h"
#include "io/io.h"

typedef struct vg_search vg_search;

/* Only rows whose column has the value: "label", or "path", of which the value may be any
 * folders at its end too. */
typedef struct vg_search_filter {
    const char *column, *value;
} vg_search_filter;

typedef struct vg_search_options {
    const char *output;       /* of a run, or a folder of its features */
    vg_store_options store;   /* of it */
    const char *model_source; /* of vg_model_open, for new images; opened when one comes; NULL where
                                 there is none */
    vg_metric metric;
    int threads;       /* 0 takes one a CPU this process may use */
    bool many_queries; /* takes a second or two to make each of many queries fast */
    const vg_search_filter *filters;
    size_t filter_count;
    uint64_t max_file_size; /* bytes of a new image */
    const atomic_bool *cancel;
    vg_observer observer;
} vg_search_options;

/* Reads the rows; no filter may be left without one. */
vg_status vg_search_open(vg_search **search, const vg_search_options *options, vg_error *error);
void vg_search_close(vg_search **search);

size_t vg_search_rows(const vg_search *search);

/* Images that are asked for together, by the mean of their features; of VG_COSINE each is
 * scaled to unit length before. */
typedef struct vg_search_query {
    const char *const *images; /* [image_count] files */
    size_t image_count;
    const char *const *paths; /* [path_count] of rows: whole, or the end of one alone */
    size_t path_count;
    const char *const *excluded; /* [excluded_count] paths of rows not to be found */
    size_t excluded_count;
} vg_search_query;

typedef struct vg_search_hit {
    const char *path, *label; /* live as long as the search */
    double distance;
} vg_search_hit;

/* The nearest rows, at most *count, which becomes their number, the nearest first. Rows that
 * are asked for by their paths are not found themselves. */
vg_status vg_search_find(vg_search *search, const vg_search_query *query, vg_search_hit *hits,
                         size_t *count, vg_error *error);

/* Whether a row has this path, whole or at its end: for words that may be either. */
bool vg_search_has_path(const vg_search *search, const char *path);

#endif
