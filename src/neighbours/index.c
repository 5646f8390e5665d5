/* Rows that are asked again and again for those nearest to others. */
#include <stdlib.h>

#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/usable_cpus.h"
#include "neighbours/index.h"
#include "neighbours/scan.h"

struct vg_index {
    vg_team *team;
    vg_rowset rows;
    vg_sketch sketch;
    bool has_sketch;
    vg_scan scan;
};

void vg_index_options_default(vg_index_options *options)
{
    *options = (vg_index_options){.metric = VG_COSINE, .threads = 1, .sketch = 1};
}

static vg_status open_parts(vg_index *index, const float *rows, size_t n, int dims,
                            const vg_index_options *options, vg_error *error)
{
    vg_status status = vg_team_open(&index->team, options->threads, error);
    if (status == VG_OK)
        status = vg_rowset_open(&index->rows, rows, n, dims, options->metric, options->kernels,
                                index->team, error);
    if (status != VG_OK) return status;
    /* Without components a sketch is as long as a row: worth it for short rows alone. */
    bool has_components = dims > 2 * VG_SKETCH_COMPONENTS;
    index->has_sketch = options->sketch != 0 && (!has_components || n > 4 * VG_SKETCH_COMPONENTS);
    if (index->has_sketch)
        status = vg_sketch_open(&index->sketch, &index->rows,
                                has_components ? VG_SKETCH_COMPONENTS : 0, index->team, error);
    if (status == VG_OK)
        status = vg_scan_open(&index->scan, &index->rows, index->has_sketch ? &index->sketch : NULL,
                              index->team, error);
    return status;
}

vg_status vg_index_open(vg_index **index, const float *rows, size_t n, int dims,
                        const vg_index_options *options, vg_error *error)
{
    vg_index_options defaults;
    vg_index_options_default(&defaults);
    if (options == NULL) options = &defaults;
    if (index == NULL) return vg_fail_null(error, "vg_index_open", "index's place");
    *index = NULL;
    vg_status status =
        vg_check_reserved(options->reserved, VG_RESERVED_OF(options), "vg_index_options", error);
    if (status != VG_OK) return status;
    if (options->threads < 1 || options->threads > VG_MOST_THREADS)
        return vg_fail(error, VG_EINVAL, "index: %d threads, must be 1 to %d", options->threads,
                       VG_MOST_THREADS);
    vg_index *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    status = open_parts(opened, rows, n, dims, options, error);
    if (status != VG_OK) vg_index_close(&opened);
    *index = opened;
    return status;
}

void vg_index_close(vg_index **index)
{
    if (index == NULL || *index == NULL) return;
    vg_scan_close(&(*index)->scan);
    if ((*index)->has_sketch) vg_sketch_close(&(*index)->sketch);
    vg_rowset_close(&(*index)->rows);
    vg_team_close(&(*index)->team);
    free(*index);
    *index = NULL;
}

size_t vg_index_count(const vg_index *index)
{
    return index != NULL ? index->rows.count : 0;
}

int vg_index_dims(const vg_index *index)
{
    return index != NULL ? index->rows.dims : 0;
}

static vg_status check_search(const vg_index *index, size_t n, const float *queries, int k,
                              const int64_t *indices, const double *distances, vg_error *error)
{
    if (index == NULL) return vg_fail_null(error, "vg_index_search", "index");
    if (n > 0 && (queries == NULL || indices == NULL || distances == NULL))
        return vg_fail(error, VG_EINVAL,
                       "vg_index_search: queries, indices and distances are needed");
    if (k < 1 || (size_t)k > index->rows.count)
        return vg_fail(error, VG_EINVAL, "the %d nearest of %zu row%s: ask for 1 to all of them", k,
                       index->rows.count, index->rows.count == 1 ? "" : "s");
    size_t dims = (size_t)index->rows.dims;
    for (size_t i = 0; i < n * dims; i++)
        if (!isfinite(queries[i]))
            return vg_fail(error, VG_EINVAL,
                           "query %zu: value %zu is not a finite number (both counted from 0)",
                           i / dims, i % dims);
    return VG_OK;
}

vg_status vg_index_search_keys(vg_index *index, size_t n, const float *queries, int k,
                               const unsigned char *allowed, int64_t *indices, double *keys,
                               vg_error *error)
{
    vg_status status = check_search(index, n, queries, k, indices, keys, error);
    if (status != VG_OK) return status;
    size_t dims = (size_t)index->rows.dims, found = (size_t)k;
    uint64_t examined = 0;
    for (size_t first = 0; first < n && status == VG_OK; first += VG_SCAN_QUERIES) {
        vg_best best[VG_SCAN_QUERIES];
        size_t count = n - first < VG_SCAN_QUERIES ? n - first : VG_SCAN_QUERIES;
        for (size_t i = 0; i < count; i++)
            best[i] = (vg_best){
                .keys = keys + (first + i) * found, .ids = indices + (first + i) * found, .k = k};
        status = vg_scan_run(&index->scan, queries + first * dims, count, allowed, best, &examined,
                             error);
    }
    return status;
}

vg_status vg_index_search(vg_index *index, size_t n, const float *queries, int k,
                          const unsigned char *allowed, int64_t *indices, double *distances,
                          vg_error *error)
{
    vg_status status =
        vg_index_search_keys(index, n, queries, k, allowed, indices, distances, error);
    if (status != VG_OK) return status;
    for (size_t i = 0; i < n * (size_t)k; i++)
        distances[i] = vg_rowset_distance(&index->rows, distances[i]);
    return VG_OK;
}
