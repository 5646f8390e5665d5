#include "explore/inspection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/median.h"
#include "learn/class_distances.h"

/* cleanlab's rules (datalab's near_duplicate and outlier issues): a duplicate is nearer than this
 * share of the median distance to a nearest image, an outlier's score is more than so many
 * interquartile ranges over the third quartile. */
static const double cleanlab_near = 0.13, cleanlab_range = 1.7;
/* A vote's weight is 1 / (this + the distance as a share of the farthest neighbour's): the nearest
 * counts some ten times what the farthest does. */
static const double vote_floor = 0.1;

void vg_inspection_options_default(vg_inspection_options *options)
{
    *options = (vg_inspection_options){.checks = (1u << VG_CHECK_COUNT) - 1, .near = cleanlab_near};
}

typedef struct inspecting {
    vg_inspection *inspection;
    const vg_row_table *table;
    const vg_neighbour_lists *lists;
    const vg_inspection_options *options;
    double *room;   /* [rows], for quantiles */
    uint32_t *rows; /* [rows], for ranks */
} inspecting;

static bool is_wanted(const inspecting *state, vg_check check)
{
    return (state->options->checks & 1u << check) != 0;
}

static void note(inspecting *state, size_t row, vg_check check)
{
    state->inspection->findings[row].found |= 1u << check;
    state->inspection->found[check]++;
}

/* How many neighbours a row has. */
static size_t count_neighbours(const inspecting *state, size_t row)
{
    size_t k = (size_t)state->lists->k, n = 0;
    while (n < k && state->lists->rows[row * k + n] >= 0) n++;
    return n;
}

static const int32_t *neighbours_of(const inspecting *state, size_t row)
{
    return state->lists->rows + row * (size_t)state->lists->k;
}

static const float *distances_of(const inspecting *state, size_t row)
{
    return state->lists->distances + row * (size_t)state->lists->k;
}

/* --- Ranks ------------------------------------------------------------------------- */

typedef struct scored {
    double score;
    uint32_t row;
} scored;

/* The highest first, then by row. */
static int by_score(const void *left, const void *right)
{
    const scored *a = left, *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

typedef double score_of(const vg_finding *finding);
typedef void take_rank(vg_finding *finding, uint32_t rank);

/* Ranks all rows that have a score. */
static vg_status rank_rows(inspecting *state, score_of *score, take_rank *take, vg_error *error)
{
    vg_finding *findings = state->inspection->findings;
    size_t rows = state->inspection->rows, count = 0;
    scored *order = malloc(rows * sizeof *order);
    if (order == NULL) return vg_fail_memory(error, rows * sizeof *order);
    for (size_t row = 0; row < rows; row++)
        if (!isnan(score(&findings[row])))
            order[count++] = (scored){score(&findings[row]), (uint32_t)row};
    qsort(order, count, sizeof *order, by_score);
    for (size_t i = 0; i < count; i++) take(&findings[order[i].row], (uint32_t)i + 1);
    free(order);
    return VG_OK;
}

/* --- Outliers ---------------------------------------------------------------------- */

static double outlier_score(const vg_finding *finding)
{
    return finding->outlier_score;
}

static double class_distance(const vg_finding *finding)
{
    return finding->class_distance;
}

/* An image is as odd as the more telling of its two places says, then the other: the score is
 * the lower for that, the higher a rank is. */
static double joint_score(const vg_finding *finding)
{
    if (finding->outlier_rank == 0 && finding->class_rank == 0) return (double)NAN;
    double first = finding->outlier_rank, second = finding->class_rank;
    if (second == 0.0) second = first;
    if (first == 0.0) first = second;
    return first < second ? -first - second / 8e9 : -second - first / 8e9;
}

static void take_outlier_rank(vg_finding *finding, uint32_t rank)
{
    finding->outlier_rank = rank;
}

static void take_class_rank(vg_finding *finding, uint32_t rank)
{
    finding->class_rank = rank;
}

static void measure_neighbours(inspecting *state)
{
    for (size_t row = 0; row < state->inspection->rows; row++) {
        const float *distances = distances_of(state, row);
        size_t n = count_neighbours(state, row);
        double sum = 0.0;
        for (size_t i = 0; i < n; i++) sum += (double)distances[i];
        if (n > 0) state->inspection->findings[row].outlier_score = sum / (double)n;
    }
}

/* Without distances where there are too many labels, or where all rows are those of their labels'
 * means. */
static vg_status measure_classes(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    const vg_row_file *values = &state->table->values;
    size_t rows = inspection->rows, labels = inspection->labels.value_count;
    if (labels > VG_MOST_CLASSES || values->rows == NULL) return VG_OK;
    int32_t *classes = malloc((rows + 1) * sizeof *classes);
    if (classes == NULL) return vg_fail_memory(error, rows * sizeof *classes);
    for (size_t row = 0; row < rows; row++) classes[row] = (int32_t)inspection->labels.codes[row];
    vg_status status = vg_class_distances(rows, values->dims, values->rows, classes, (int)labels,
                                          state->room, error);
    for (size_t row = 0; row < rows && status == VG_OK; row++)
        inspection->findings[row].class_distance = state->room[row];
    free(classes);
    return status == VG_EINVAL ? VG_OK : status;
}

/* A score over this is odd; infinite where there are none. */
static double find_limit(inspecting *state, score_of *score)
{
    size_t count = 0;
    for (size_t row = 0; row < state->inspection->rows; row++) {
        double value = score(&state->inspection->findings[row]);
        if (!isnan(value)) state->room[count++] = value;
    }
    if (count == 0) return (double)INFINITY;
    double low = vg_quantile(state->room, count, 0.25),
           high = vg_quantile(state->room, count, 0.75);
    return high + cleanlab_range * (high - low);
}

static vg_status find_outliers(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    if (!is_wanted(state, VG_CHECK_OUTLIERS)) return VG_OK;
    measure_neighbours(state);
    vg_status status = measure_classes(state, error);
    if (status != VG_OK) return status;
    inspection->outlier_limit = find_limit(state, outlier_score);
    inspection->class_limit = find_limit(state, class_distance);
    for (size_t row = 0; row < inspection->rows; row++) {
        vg_finding *finding = &inspection->findings[row];
        finding->unlike_all = finding->outlier_score > inspection->outlier_limit;
        finding->unlike_class = finding->class_distance > inspection->class_limit;
        if (finding->unlike_all || finding->unlike_class) note(state, row, VG_CHECK_OUTLIERS);
    }
    status = rank_rows(state, outlier_score, take_outlier_rank, error);
    if (status == VG_OK) status = rank_rows(state, class_distance, take_class_rank, error);
    return status == VG_OK ? rank_rows(state, joint_score, take_outlier_rank, error) : status;
}

/* --- Labels ------------------------------------------------------------------------ */

static double label_score(const vg_finding *finding)
{
    return finding->label_score;
}

static void take_label_rank(vg_finding *finding, uint32_t rank)
{
    finding->label_rank = rank;
}

/* The neighbours vote for their own labels, the near ones louder. */
static void vote(const inspecting *state, size_t row, size_t n, double *votes)
{
    const int32_t *neighbours = neighbours_of(state, row);
    const float *distances = distances_of(state, row);
    const uint32_t *codes = state->inspection->labels.codes;
    vg_finding *finding = &state->inspection->findings[row];
    double width = distances[n - 1] > 0.0f ? (double)distances[n - 1] : 1.0, total = 0.0;
    for (size_t i = 0; i < n; i++) {
        double weight = 1.0 / (vote_floor + (double)distances[i] / width);
        votes[codes[neighbours[i]]] += weight;
        total += weight;
    }
    double own = votes[codes[row]], other = 0.0, most = own;
    finding->suggested = codes[row];
    for (size_t i = 0; i < n; i++) {
        uint32_t code = codes[neighbours[i]];
        if (code != codes[row] && votes[code] > other) other = votes[code];
        if (votes[code] > most) {
            most = votes[code];
            finding->suggested = code;
        }
    }
    for (size_t i = 0; i < n; i++) votes[codes[neighbours[i]]] = 0.0;
    finding->label_score = (other - own) / total;
    finding->support = most / total;
}

static vg_status find_contradicted(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    if (!is_wanted(state, VG_CHECK_LABELS)) return VG_OK;
    double *votes = calloc(inspection->labels.value_count + 1, sizeof *votes);
    if (votes == NULL) return vg_fail_memory(error, inspection->labels.value_count * sizeof *votes);
    for (size_t row = 0; row < inspection->rows; row++) {
        size_t n = count_neighbours(state, row);
        if (n < 2) continue; /* one alone contradicts nothing */
        vote(state, row, n, votes);
        if (inspection->findings[row].suggested != inspection->labels.codes[row])
            note(state, row, VG_CHECK_LABELS);
    }
    free(votes);
    return rank_rows(state, label_score, take_label_rank, error);
}

/* --- Duplicates -------------------------------------------------------------------- */

static void measure_nearest(inspecting *state)
{
    vg_inspection *inspection = state->inspection;
    size_t count = 0;
    for (size_t row = 0; row < inspection->rows; row++)
        if (count_neighbours(state, row) > 0)
            state->room[count++] = (double)distances_of(state, row)[0];
    inspection->median_nearest = vg_median(state->room, count);
    inspection->near_limit = state->options->near * inspection->median_nearest;
}

static vg_status link_near(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    double limit = VG_FARTHEST_NEAR * inspection->median_nearest;
    size_t rows = inspection->rows, count = 0, capacity = rows * (size_t)state->lists->k;
    vg_near_pair *pairs = malloc((capacity + 1) * sizeof *pairs);
    if (pairs == NULL) return vg_fail_memory(error, capacity * sizeof *pairs);
    for (size_t row = 0; row < rows; row++) {
        const int32_t *neighbours = neighbours_of(state, row);
        const float *distances = distances_of(state, row);
        size_t n = count_neighbours(state, row);
        for (size_t i = 0; i < n && (double)distances[i] <= limit; i++) {
            uint32_t a = (uint32_t)row, b = (uint32_t)neighbours[i];
            pairs[count++] = (vg_near_pair){a < b ? a : b, a < b ? b : a, distances[i]};
        }
    }
    vg_status status =
        vg_linkage_make(&inspection->linkage, pairs, count, rows, state->options->same_as, error);
    free(pairs);
    return status;
}

static vg_status find_duplicates(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    size_t rows = inspection->rows;
    const uint32_t *same_as = state->options->same_as;
    if (!is_wanted(state, VG_CHECK_DUPLICATES)) return VG_OK;
    vg_status status = link_near(state, error);
    if (status != VG_OK) return status;
    float *diameters = malloc((rows + 1) * sizeof *diameters);
    if (diameters == NULL) return vg_fail_memory(error, rows * sizeof *diameters);
    status =
        vg_linkage_cut(&inspection->linkage, inspection->near_limit, state->rows, diameters, error);
    for (size_t row = 0; row < rows && status == VG_OK; row++) {
        vg_finding *finding = &inspection->findings[row];
        finding->group = state->rows[row];
        finding->diameter = (double)diameters[row];
        if (finding->group != 0) note(state, row, VG_CHECK_DUPLICATES);
        if (finding->group > inspection->groups) inspection->groups = finding->group;
        if (same_as == NULL || same_as[row] == row) continue;
        finding->copy_of = same_as[row];
        inspection->copies++;
    }
    free(diameters);
    return status;
}

/* --- Leaks ------------------------------------------------------------------------- */

/* The split that is called train or training, else the largest; NULL where all rows are of one. */
static const char *training_split(const vg_text_codes *splits, size_t rows, uint64_t *sizes)
{
    size_t training = 0;
    if (splits->value_count < 2) return NULL;
    for (size_t row = 0; row < rows; row++) sizes[splits->codes[row]]++;
    for (size_t i = 1; i < splits->value_count; i++)
        if (sizes[i] > sizes[training]) training = i;
    for (size_t i = 0; i < splits->value_count; i++)
        if (strncasecmp(splits->values[i], "train", 5) == 0) return splits->values[i];
    return splits->values[training];
}

static bool is_training(const inspecting *state, size_t row)
{
    return strcmp(state->table->splits.items[row].text, state->inspection->training) == 0;
}

/* A copy among those trained on, else the nearest that is near enough. */
static void look_for_twin(inspecting *state, size_t row, const int64_t *trained)
{
    vg_inspection *inspection = state->inspection;
    vg_finding *finding = &inspection->findings[row];
    const int32_t *neighbours = neighbours_of(state, row);
    const float *distances = distances_of(state, row);
    const uint32_t *same_as = state->options->same_as;
    size_t n = count_neighbours(state, row);
    inspection->tested++;
    inspection->leak_paths += n > 0 && is_training(state, (size_t)neighbours[0]);
    if (same_as != NULL && trained[same_as[row]] >= 0) {
        finding->leak_of = trained[same_as[row]];
        finding->leak_distance = 0.0;
    }
    for (size_t i = 0; i < n && finding->leak_of < 0; i++) {
        if ((double)distances[i] > inspection->near_limit) break;
        if (!is_training(state, (size_t)neighbours[i])) continue;
        finding->leak_of = neighbours[i];
        finding->leak_distance = (double)distances[i];
    }
    if (finding->leak_of >= 0) note(state, row, VG_CHECK_LEAKS);
}

static vg_status find_leaks(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    size_t rows = inspection->rows;
    vg_text_codes splits;
    if (!is_wanted(state, VG_CHECK_LEAKS)) return VG_OK;
    vg_status status = vg_text_codes_make(&splits, &state->table->splits, error);
    if (status != VG_OK) return status;
    uint64_t *sizes = calloc(splits.value_count + 1, sizeof *sizes);
    int64_t *trained = malloc((rows + 1) * sizeof *trained); /* first trained row of a content */
    if (sizes == NULL || trained == NULL) status = vg_fail_memory(error, rows * sizeof *trained);
    if (status == VG_OK) inspection->training = training_split(&splits, rows, sizes);
    if (status == VG_OK && inspection->training != NULL) {
        const uint32_t *same_as = state->options->same_as;
        for (size_t row = 0; row < rows; row++) trained[row] = -1;
        for (size_t row = rows; same_as != NULL && row-- > 0;)
            if (is_training(state, row)) trained[same_as[row]] = (int64_t)row;
        for (size_t row = 0; row < rows; row++)
            if (!is_training(state, row)) look_for_twin(state, row, trained);
    }
    free(sizes);
    free(trained);
    vg_text_codes_free(&splits);
    return status;
}

/* --- All of it --------------------------------------------------------------------- */

static vg_status make_room(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    size_t rows = inspection->rows;
    if (rows > INT32_MAX)
        return vg_fail(error, VG_ELIMIT, "%zu rows: %d can be inspected", rows, INT32_MAX);
    inspection->findings = malloc((rows + 1) * sizeof *inspection->findings);
    state->room = malloc((rows + 1) * sizeof *state->room);
    state->rows = malloc((rows + 1) * sizeof *state->rows);
    if (inspection->findings == NULL || state->room == NULL || state->rows == NULL)
        return vg_fail_memory(error, rows * sizeof *inspection->findings);
    for (size_t row = 0; row < rows; row++)
        inspection->findings[row] = (vg_finding){.outlier_score = NAN,
                                                 .class_distance = NAN,
                                                 .label_score = NAN,
                                                 .copy_of = -1,
                                                 .leak_of = -1};
    return vg_text_codes_make(&inspection->labels, &state->table->labels, error);
}

vg_status vg_inspection_make(vg_inspection *inspection, const vg_row_table *table,
                             const vg_neighbour_lists *lists, const vg_inspection_options *options,
                             vg_error *error)
{
    *inspection = (vg_inspection){.rows = vg_row_table_count(table)};
    inspecting state = {
        .inspection = inspection, .table = table, .lists = lists, .options = options};
    vg_status status = make_room(&state, error);
    if (status == VG_OK) {
        measure_nearest(&state);
        status = find_outliers(&state, error);
    }
    if (status == VG_OK) status = find_contradicted(&state, error);
    if (status == VG_OK) status = find_duplicates(&state, error);
    if (status == VG_OK) status = find_leaks(&state, error);
    free(state.room);
    free(state.rows);
    if (status != VG_OK) vg_inspection_free(inspection);
    return status;
}

void vg_inspection_free(vg_inspection *inspection)
{
    free(inspection->findings);
    vg_text_codes_free(&inspection->labels);
    vg_linkage_free(&inspection->linkage);
    *inspection = (vg_inspection){0};
}
