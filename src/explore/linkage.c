#include "explore/linkage.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Pairs are looked at from the nearest on. Two groups become one with the pair that is the last
 * of all between them: its distance is the largest, and no other two groups were complete before.
 * A group of m rows needs all their pairs, of which a row lists k: m is at most 2 k + 1. */

typedef struct entry {
    uint32_t other, rank; /* of the pair among all, by distance */
} entry;

typedef struct linking {
    vg_linkage *linkage;
    size_t *begins;  /* [rows + 1], of a row's entries */
    entry *entries;  /* [2 n], a row's by `other` */
    uint32_t *roots; /* [rows], the lowest row of the group */
    uint32_t *nexts; /* [rows], a ring of the group's rows */
} linking;

void vg_linkage_free(vg_linkage *linkage)
{
    free(linkage->merges);
    *linkage = (vg_linkage){0};
}

/* --- Pairs ------------------------------------------------------------------------- */

static int by_rows(const void *left, const void *right)
{
    const vg_near_pair *a = left, *b = right;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    if (a->second != b->second) return a->second < b->second ? -1 : 1;
    return (a->distance > b->distance) - (a->distance < b->distance);
}

static int by_distance(const void *left, const void *right)
{
    const vg_near_pair *a = left, *b = right;
    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return by_rows(left, right);
}

/* Gives copies the pairs of the first of them, drops what comes twice, and sorts. Returns how
 * many are left. */
static size_t tidy_pairs(vg_near_pair *pairs, size_t n, const uint32_t *same_as)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t a = same_as != NULL ? same_as[pairs[i].first] : pairs[i].first;
        uint32_t b = same_as != NULL ? same_as[pairs[i].second] : pairs[i].second;
        if (a == b) continue;
        pairs[kept++] = (vg_near_pair){a < b ? a : b, a < b ? b : a, pairs[i].distance};
    }
    qsort(pairs, kept, sizeof *pairs, by_rows);
    size_t single = 0;
    for (size_t i = 0; i < kept; i++)
        if (single == 0 || pairs[single - 1].first != pairs[i].first ||
            pairs[single - 1].second != pairs[i].second)
            pairs[single++] = pairs[i];
    qsort(pairs, single, sizeof *pairs, by_distance);
    return single;
}

static int by_other(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    return (a->other > b->other) - (a->other < b->other);
}

static void list_entries(linking *state, const vg_near_pair *pairs, size_t n)
{
    size_t rows = state->linkage->rows, *begins = state->begins;
    for (size_t i = 0; i < n; i++) {
        begins[pairs[i].first + 1]++;
        begins[pairs[i].second + 1]++;
    }
    for (size_t row = 0; row < rows; row++) begins[row + 1] += begins[row];
    for (size_t i = n; i-- > 0;) {
        const vg_near_pair *pair = &pairs[i];
        state->entries[--begins[pair->first + 1]] = (entry){pair->second, (uint32_t)i};
        state->entries[--begins[pair->second + 1]] = (entry){pair->first, (uint32_t)i};
    }
    /* Each begin is now that of the row before it. */
    memmove(begins, begins + 1, rows * sizeof *begins);
    begins[rows] = 2 * n;
    for (size_t row = 0; row < rows; row++)
        if (begins[row + 1] > begins[row])
            qsort(state->entries + begins[row], begins[row + 1] - begins[row], sizeof(entry),
                  by_other);
}

/* --- Groups ------------------------------------------------------------------------ */

static bool has_pair(const linking *state, uint32_t a, uint32_t b, uint32_t rank)
{
    const entry key = {.other = b};
    const entry *found = bsearch(&key, state->entries + state->begins[a],
                                 state->begins[a + 1] - state->begins[a], sizeof key, by_other);
    return found != NULL && found->rank <= rank;
}

/* Whether all pairs between two groups are there, up to that rank. */
static bool is_complete(const linking *state, uint32_t left, uint32_t right, uint32_t rank)
{
    uint32_t a = left;
    do {
        uint32_t b = right;
        do {
            if (!has_pair(state, a, b, rank)) return false;
            b = state->nexts[b];
        } while (b != right);
        a = state->nexts[a];
    } while (a != left);
    return true;
}

static void add_merge(vg_linkage *linkage, uint32_t a, uint32_t b, float diameter)
{
    linkage->merges[linkage->count++] = (vg_merge){a < b ? a : b, a < b ? b : a, diameter};
}

static void join(linking *state, uint32_t left, uint32_t right)
{
    uint32_t root = left < right ? left : right, row = root == left ? right : left;
    uint32_t begin = row;
    do {
        state->roots[row] = root;
        row = state->nexts[row];
    } while (row != begin);
    uint32_t after = state->nexts[left];
    state->nexts[left] = state->nexts[right];
    state->nexts[right] = after;
}

static void link_pairs(linking *state, const vg_near_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t left = state->roots[pairs[i].first], right = state->roots[pairs[i].second];
        if (left == right || !is_complete(state, left, right, (uint32_t)i)) continue;
        add_merge(state->linkage, left, right, pairs[i].distance);
        join(state, left, right);
    }
}

/* --- Make and cut ------------------------------------------------------------------ */

vg_status vg_linkage_make(vg_linkage *linkage, vg_near_pair *pairs, size_t n, size_t rows,
                          const uint32_t *same_as, vg_error *error)
{
    *linkage = (vg_linkage){.rows = rows};
    n = tidy_pairs(pairs, n, same_as);
    if (n > UINT32_MAX / 2)
        return vg_fail(error, VG_ELIMIT, "%zu near pairs are too many: ask for fewer neighbours",
                       n);
    linking state = {.linkage = linkage,
                     .begins = calloc(rows + 1, sizeof *state.begins),
                     .entries = malloc((2 * n + 1) * sizeof *state.entries),
                     .roots = malloc((rows + 1) * sizeof *state.roots),
                     .nexts = malloc((rows + 1) * sizeof *state.nexts)};
    linkage->merges = malloc((rows + 1) * sizeof *linkage->merges);
    vg_status status = VG_OK;
    if (state.begins == NULL || state.entries == NULL || state.roots == NULL ||
        state.nexts == NULL || linkage->merges == NULL) {
        status = vg_fail_memory(error, rows * sizeof *linkage->merges + 2 * n * sizeof(entry));
    } else {
        for (size_t row = 0; row < rows; row++) state.roots[row] = state.nexts[row] = (uint32_t)row;
        for (size_t row = 0; same_as != NULL && row < rows; row++)
            if (same_as[row] != row) add_merge(linkage, same_as[row], (uint32_t)row, 0.0f);
        list_entries(&state, pairs, n);
        link_pairs(&state, pairs, n);
    }
    free(state.begins);
    free(state.entries);
    free(state.roots);
    free(state.nexts);
    if (status != VG_OK) vg_linkage_free(linkage);
    return status;
}

static uint32_t root_of(uint32_t *roots, uint32_t row)
{
    while (roots[row] != row) row = roots[row] = roots[roots[row]];
    return row;
}

typedef struct group {
    uint32_t root;
    float diameter;
} group;

static int by_diameter(const void *left, const void *right)
{
    const group *a = left, *b = right;
    if (a->diameter != b->diameter) return a->diameter < b->diameter ? -1 : 1;
    return (a->root > b->root) - (a->root < b->root);
}

/* Numbers of the groups, in the place of their roots. */
static void number_groups(group *groups, size_t count, uint32_t *number_of)
{
    qsort(groups, count, sizeof *groups, by_diameter);
    for (size_t i = 0; i < count; i++) number_of[groups[i].root] = (uint32_t)i + 1;
}

vg_status vg_linkage_cut(const vg_linkage *linkage, double limit, uint32_t *group_of,
                         float *diameter_of, vg_error *error)
{
    size_t rows = linkage->rows, count = 0;
    uint32_t *roots = malloc((rows + 1) * sizeof *roots);
    group *groups = malloc((linkage->count + 1) * sizeof *groups);
    vg_status status = VG_OK;
    if (roots == NULL || groups == NULL) {
        status = vg_fail_memory(error, rows * sizeof *roots + linkage->count * sizeof *groups);
    } else {
        for (size_t row = 0; row < rows; row++) {
            roots[row] = (uint32_t)row;
            group_of[row] = 0;
            diameter_of[row] = 0.0f;
        }
        for (size_t i = 0; i < linkage->count; i++) {
            const vg_merge *merge = &linkage->merges[i];
            if ((double)merge->diameter > limit) break;
            uint32_t first = root_of(roots, merge->first), second = root_of(roots, merge->second);
            uint32_t root = first < second ? first : second;
            roots[first] = roots[second] = root;
            diameter_of[root] = merge->diameter;
            group_of[first] = group_of[second] = 1; /* in a group, whichever */
        }
        for (size_t row = 0; row < rows; row++)
            if (roots[row] == row && group_of[row] != 0)
                groups[count++] = (group){(uint32_t)row, diameter_of[row]};
        number_groups(groups, count, group_of);
        /* A root is the lowest row of its group: it has its number before the others ask. */
        for (size_t row = 0; row < rows; row++) {
            uint32_t root = root_of(roots, (uint32_t)row);
            group_of[row] = group_of[root];
            diameter_of[row] = diameter_of[root];
        }
    }
    free(roots);
    free(groups);
    return status;
}
