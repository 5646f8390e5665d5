#include "classify/folds.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "selection/path_groups.h"

/* --- Folds of images ---------------------------------------------------------------- */

/* Rows in the order of their classes are dealt out to the folds one by one, which says how many
 * of a class a fold gets; it gets them in one run, so that neighbours stay together. */
static vg_status spread_classes(vg_folds *folds, const int32_t *labels, int classes,
                                const size_t *picks, size_t n, vg_error *error)
{
    size_t count = (size_t)folds->count;
    size_t *sizes = calloc((size_t)classes + 1, sizeof *sizes);
    size_t *placed = calloc((size_t)classes + 1, sizeof *placed);
    if (sizes == NULL || placed == NULL) {
        free(sizes);
        free(placed);
        return vg_fail_memory(error, (size_t)classes * sizeof *sizes);
    }
    for (size_t i = 0; i < n; i++) sizes[labels[picks[i]] + 1]++;
    for (int c = 0; c < classes; c++) sizes[c + 1] += sizes[c]; /* where each class begins */
    for (size_t i = 0; i < n; i++) {
        int32_t label = labels[picks[i]];
        size_t begin = sizes[label], end = sizes[label + 1], place = placed[label]++, before = 0;
        for (size_t fold = 0; fold < count; fold++) {
            /* Positions of begin .. end that are dealt to this fold. */
            size_t share = (end + count - 1 - fold) / count - (begin + count - 1 - fold) / count;
            before += share;
            if (place < before) {
                folds->of_row[picks[i]] = (int32_t)fold;
                break;
            }
        }
    }
    free(sizes);
    free(placed);
    return VG_OK;
}

/* --- Folds of groups ------------------------------------------------------------------ */

typedef struct group {
    size_t number, size, fold;
} group;

static int by_size(const void *left, const void *right)
{
    const group *a = left, *b = right;
    if (a->size != b->size) return a->size < b->size ? 1 : -1;
    return (a->number > b->number) - (a->number < b->number);
}

static int by_number(const void *left, const void *right)
{
    const group *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

/* The largest first, each to the fold that has the fewest rows. */
static vg_status place_groups(vg_folds *folds, group *groups, vg_error *error)
{
    if (folds->groups < (size_t)folds->count) folds->count = (int)folds->groups;
    size_t *sizes = calloc((size_t)folds->count, sizeof *sizes);
    if (sizes == NULL) return vg_fail_memory(error, (size_t)folds->count * sizeof *sizes);
    qsort(groups, folds->groups, sizeof *groups, by_size);
    for (size_t g = 0; g < folds->groups; g++) {
        size_t least = 0;
        for (size_t fold = 1; fold < (size_t)folds->count; fold++)
            if (sizes[fold] < sizes[least]) least = fold;
        sizes[least] += groups[g].size;
        groups[g].fold = least;
    }
    qsort(groups, folds->groups, sizeof *groups, by_number);
    free(sizes);
    return VG_OK;
}

static vg_status keep_groups(vg_folds *folds, const char *expression, const vg_paths *paths,
                             const size_t *picks, size_t n, vg_error *error)
{
    size_t *group_of = calloc(n, sizeof *group_of);
    group *groups = calloc(n, sizeof *groups);
    vg_status status = VG_OK;
    if (group_of == NULL || groups == NULL)
        status = vg_fail_memory(error, n * (sizeof *group_of + sizeof *groups));
    if (status == VG_OK)
        status = vg_path_groups_find(group_of, &folds->groups, expression, paths, picks, n, error);
    if (status == VG_OK) {
        for (size_t i = 0; i < n; i++) groups[group_of[i]].size++;
        for (size_t g = 0; g < folds->groups; g++) groups[g].number = g;
        status = place_groups(folds, groups, error);
    }
    for (size_t i = 0; i < n && status == VG_OK; i++)
        folds->of_row[picks[i]] = (int32_t)groups[group_of[i]].fold;
    free(group_of);
    free(groups);
    return status;
}

vg_status vg_folds_open(vg_folds *folds, int count, const char *group_expression,
                        const vg_paths *paths, const int32_t *labels, int classes,
                        const size_t *picks, size_t n, vg_error *error)
{
    *folds = (vg_folds){.count = count};
    if (n < (size_t)count)
        return vg_fail(error, VG_EINVAL,
                       "%zu images are fewer than %d folds: ask for fewer with --folds", n, count);
    folds->of_row = malloc(paths->count * sizeof *folds->of_row);
    if (folds->of_row == NULL) return vg_fail_memory(error, paths->count * sizeof *folds->of_row);
    for (size_t i = 0; i < paths->count; i++) folds->of_row[i] = -1;
    vg_status status = group_expression != NULL
                           ? keep_groups(folds, group_expression, paths, picks, n, error)
                           : spread_classes(folds, labels, classes, picks, n, error);
    if (status != VG_OK) vg_folds_close(folds);
    return status;
}

void vg_folds_close(vg_folds *folds)
{
    free(folds->of_row);
    folds->of_row = NULL;
}
