#include "classify/neighbour_votes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/observer.h"

enum { QUERIES = 64 };

typedef struct voting {
    const vg_learning *learning;
    vg_index *index;
    int k;
    float *queries;    /* [QUERIES][dims] */
    int64_t *indices;  /* [QUERIES][k] */
    double *distances; /* [QUERIES][k] */
} voting;

static void count_votes(const voting *state, const int64_t *indices, float *shares, int32_t *first)
{
    int classes = state->learning->classes, voters = 0;
    while (voters < state->k && indices[voters] >= 0) voters++;
    memset(shares, 0, (size_t)classes * sizeof *shares);
    *first = voters > 0 ? state->learning->labels[indices[0]] : -1;
    for (int i = 0; i < voters; i++)
        shares[state->learning->labels[indices[i]]] += 1.0F / (float)voters;
    /* The nearest row of each class breaks ties: less than a vote, more the nearer. */
    for (int i = voters; i-- > 0;) {
        float *share = &shares[state->learning->labels[indices[i]]];
        bool is_nearest = true;
        for (int j = 0; j < i; j++)
            is_nearest &=
                state->learning->labels[indices[j]] != state->learning->labels[indices[i]];
        if (is_nearest) *share += 1e-4F * (float)(voters - i) / (float)(voters * voters);
    }
}

static vg_status vote(const voting *state, const unsigned char *allowed, const size_t *picks,
                      size_t n, float *shares, int32_t *firsts, vg_error *error)
{
    size_t dims = (size_t)state->learning->dims, classes = (size_t)state->learning->classes;
    vg_status status = VG_OK;
    for (size_t first = 0; first < n && status == VG_OK; first += QUERIES) {
        size_t count = n - first < QUERIES ? n - first : QUERIES;
        for (size_t i = 0; i < count; i++)
            memcpy(state->queries + i * dims, state->learning->rows + picks[first + i] * dims,
                   dims * sizeof(float));
        status = vg_check_cancel(state->learning->cancel, error);
        if (status == VG_OK)
            status = vg_index_search(state->index, count, state->queries, state->k, allowed,
                                     state->indices, state->distances, error);
        for (size_t i = 0; i < count && status == VG_OK; i++)
            count_votes(state, state->indices + i * (size_t)state->k,
                        shares + (first + i) * classes, &firsts[first + i]);
    }
    return status;
}

vg_status vg_neighbour_votes(const vg_learning *learning, const unsigned char *allowed, int k,
                             const size_t *picks, size_t n, float *shares, int32_t *firsts,
                             vg_error *error)
{
    voting state = {.learning = learning,
                    .k = (size_t)k < learning->count ? k : (int)learning->count};
    vg_index_options options;
    vg_index_options_default(&options);
    options.threads = vg_team_size(learning->team);
    vg_status status = vg_index_open(&state.index, learning->rows, learning->count, learning->dims,
                                     &options, error);
    size_t entries = QUERIES * (size_t)state.k;
    state.queries = vg_alloc_aligned(QUERIES * (size_t)learning->dims, sizeof(float));
    state.indices = malloc(entries * sizeof *state.indices);
    state.distances = malloc(entries * sizeof *state.distances);
    if (status == VG_OK &&
        (state.queries == NULL || state.indices == NULL || state.distances == NULL))
        status = vg_fail_memory(error, entries * sizeof(double));
    if (status == VG_OK) status = vote(&state, allowed, picks, n, shares, firsts, error);
    free(state.queries);
    free(state.indices);
    free(state.distances);
    vg_index_close(&state.index);
    return status;
}
