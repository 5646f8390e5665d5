#include "classify/folds.h"

#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

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

typedef struct member {
    char *key;
    size_t row;
} member;

typedef struct group {
    size_t first, size; /* among the sorted members */
} group;

enum { CAPTURES = 10 };

/* The captures, each with a line feed behind it; all that matches where there are none.
 * Empty where the path does not match: *matches is false. */
static char *make_key(const regex_t *expression, const char *path, bool *matches)
{
    regmatch_t found[CAPTURES];
    *matches = regexec(expression, path, CAPTURES, found, 0) == 0;
    size_t captures = expression->re_nsub < CAPTURES ? expression->re_nsub : CAPTURES - 1;
    char *key = malloc(strlen(path) + CAPTURES + 1), *to = key;
    if (key == NULL) return NULL;
    for (size_t i = captures > 0 ? 1 : 0; *matches && i <= captures; i++) {
        if (found[i].rm_so >= 0) {
            size_t size = (size_t)(found[i].rm_eo - found[i].rm_so);
            memcpy(to, path + found[i].rm_so, size);
            to += size;
        }
        *to++ = '\n';
    }
    *to = '\0';
    return key;
}

static int by_key(const void *left, const void *right)
{
    const member *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static int by_size(const void *left, const void *right)
{
    const group *a = left, *b = right;
    if (a->size != b->size) return a->size < b->size ? 1 : -1;
    return (a->first > b->first) - (a->first < b->first);
}

static vg_status match_members(member *members, const char *expression, const vg_paths *paths,
                               const size_t *picks, size_t n, vg_error *error)
{
    regex_t compiled;
    int code = regcomp(&compiled, expression, REG_EXTENDED);
    if (code != 0) {
        char reason[128];
        regerror(code, &compiled, reason, sizeof reason);
        return vg_fail(error, VG_EINVAL, "the group's regular expression \"%s\": %s", expression,
                       reason);
    }
    size_t matching = 0;
    const char *other = NULL; /* the first path that does not match */
    vg_status status = VG_OK;
    for (size_t i = 0; i < n && status == VG_OK; i++) {
        bool matches = false;
        members[i].row = picks[i];
        members[i].key = make_key(&compiled, paths->items[picks[i]].text, &matches);
        matching += matches;
        if (!matches && other == NULL) other = paths->items[picks[i]].text;
        if (members[i].key == NULL)
            status = vg_fail_memory(error, strlen(paths->items[picks[i]].text));
    }
    regfree(&compiled);
    if (status != VG_OK || other == NULL) return status;
    if (matching == 0)
        return vg_fail(error, VG_EINVAL, "the group expression \"%s\" matches no path, such as %s",
                       expression, other);
    return vg_fail(error, VG_EINVAL,
                   "the group expression \"%s\" does not match %s: every path needs a group",
                   expression, other);
}

static size_t find_groups(group *groups, const member *members, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(members[i].key, members[i - 1].key) != 0)
            groups[count++] = (group){.first = i};
        groups[count - 1].size++;
    }
    return count;
}

/* The largest first, each to the fold that has the fewest rows. */
static vg_status place_groups(vg_folds *folds, group *groups, const member *members,
                              vg_error *error)
{
    if (folds->groups < (size_t)folds->count) folds->count = (int)folds->groups;
    size_t *sizes = calloc((size_t)folds->count, sizeof *sizes);
    if (sizes == NULL) return vg_fail_memory(error, (size_t)folds->count * sizeof *sizes);
    qsort(groups, folds->groups, sizeof *groups, by_size);
    for (size_t g = 0; g < folds->groups; g++) {
        int least = 0;
        for (int fold = 1; fold < folds->count; fold++)
            if (sizes[fold] < sizes[least]) least = fold;
        sizes[least] += groups[g].size;
        for (size_t i = 0; i < groups[g].size; i++)
            folds->of_row[members[groups[g].first + i].row] = least;
    }
    free(sizes);
    return VG_OK;
}

static vg_status keep_groups(vg_folds *folds, const char *expression, const vg_paths *paths,
                             const size_t *picks, size_t n, vg_error *error)
{
    member *members = calloc(n, sizeof *members);
    group *groups = calloc(n, sizeof *groups);
    vg_status status = VG_OK;
    if (members == NULL || groups == NULL)
        status = vg_fail_memory(error, n * (sizeof *members + sizeof *groups));
    if (status == VG_OK) status = match_members(members, expression, paths, picks, n, error);
    if (status == VG_OK) {
        qsort(members, n, sizeof *members, by_key);
        folds->groups = find_groups(groups, members, n);
        if (folds->groups < 2)
            status =
                vg_fail(error, VG_EINVAL,
                        "the group expression \"%s\" puts all images into one group", expression);
        else
            status = place_groups(folds, groups, members, error);
    }
    for (size_t i = 0; members != NULL && i < n; i++) free(members[i].key);
    free(members);
    free(groups);
    return status;
}

vg_status vg_folds_open(vg_folds *folds, int count, const char *group_expression,
                        const vg_paths *paths, const int32_t *labels, int classes,
                        const size_t *picks, size_t n, vg_error *error)
{
    *folds = (vg_folds){.count = count};
    if (n < (size_t)count)
        return vg_fail(error, VG_EINVAL, "%zu images are fewer than %d folds", n, count);
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
