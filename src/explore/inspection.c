#include "explore/inspection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/median.h"
#include "base/memory.h"
#include "learn/class_distances.h"
#include "selection/path_groups.h"

/* cleanlab's rules (datalab's near_duplicate and outlier issues): a duplicate is nearer than this
 * share of the median distance to a nearest image, an outlier's score is more than so many
 * interquartile ranges over the third quartile. */
static const double cleanlab_near = 0.13, cleanlab_range = 1.7;
/* Tells JPEG of quality 75 and more from the next frame of a turning fruit (docs/explore.md). */
static const double resaved_within = 0.9;
/* A vote's weight is 1 / (this + the distance as a share of the farthest neighbour's): the nearest
 * counts some ten times what the farthest does. */
static const double vote_floor = 0.1;

void vg_inspection_options_default(vg_inspection_options *options)
{
    *options = (vg_inspection_options){
        .checks = (1u << VG_CHECK_COUNT) - 1, .near = cleanlab_near, .within = resaved_within};
}

typedef struct inspecting {
    vg_inspection *inspection;
    const vg_row_table *table;
    const vg_neighbour_lists *lists;
    const vg_inspection_options *options;
    size_t *groups; /* [rows], and how many there are; NULL where rows have none */
    size_t group_count;
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

/* Whether two rows are of one group. */
static bool are_kin(const inspecting *state, size_t row, int32_t other)
{
    return state->groups != NULL && state->groups[row] == state->groups[other];
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

/* The rows that have a label, one behind another, and their classes. */
static void take_labelled(const inspecting *state, float *rows, int32_t *classes)
{
    size_t dims = (size_t)state->table->values.dims, count = 0;
    for (size_t row = 0; row < state->inspection->rows; row++) {
        if (!vg_row_has_label(state->table, row)) continue;
        classes[count] = (int32_t)state->inspection->labels.codes[row];
        if (rows != NULL)
            memcpy(rows + count * dims, state->table->values.rows + row * dims,
                   dims * sizeof *rows);
        count++;
    }
}

/* Without distances where there are too many labels, or where all rows are those of their labels'
 * means; and of rows without a label. */
static vg_status measure_classes(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    const vg_row_file *values = &state->table->values;
    size_t rows = inspection->rows, labels = inspection->labels.value_count,
           labelled = rows - (size_t)inspection->unlabelled, dims = (size_t)values->dims;
    if (labels > VG_MOST_CLASSES || values->rows == NULL || labelled == 0) return VG_OK;
    int32_t *classes = malloc((rows + 1) * sizeof *classes);
    float *own = labelled < rows ? vg_alloc_aligned(labelled * dims, sizeof *own) : NULL;
    vg_status status = VG_OK;
    if (classes == NULL || (labelled < rows && own == NULL))
        status = vg_fail_memory(error, labelled * dims * sizeof *own);
    if (status == VG_OK) {
        take_labelled(state, own, classes);
        status = vg_class_distances(labelled, values->dims, own != NULL ? own : values->rows,
                                    classes, (int)labels, state->room, error);
    }
    for (size_t row = 0, at = 0; row < rows && status == VG_OK; row++)
        if (vg_row_has_label(state->table, row))
            inspection->findings[row].class_distance = state->room[at++];
    free(own);
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
static void vote(const inspecting *state, size_t row, const int32_t *neighbours,
                 const float *distances, size_t n, double *votes)
{
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

/* The neighbours that have a label and are of another group, and how many. */
static size_t find_voters(const inspecting *state, size_t row, int32_t *voters, float *distances)
{
    size_t voting = 0, n = count_neighbours(state, row);
    for (size_t i = 0; i < n; i++) {
        int32_t neighbour = neighbours_of(state, row)[i];
        if (are_kin(state, row, neighbour)) continue;
        if (!vg_row_has_label(state->table, (size_t)neighbour)) continue;
        voters[voting] = neighbour;
        distances[voting++] = distances_of(state, row)[i];
    }
    return voting;
}

static vg_status find_contradicted(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    if (!is_wanted(state, VG_CHECK_LABELS)) return VG_OK;
    size_t labels = inspection->labels.value_count, k = (size_t)state->lists->k;
    double *votes = calloc(labels + 1, sizeof *votes);
    int32_t *voters = malloc((k + 1) * sizeof *voters);
    float *distances = malloc((k + 1) * sizeof *distances);
    vg_status status = VG_OK;
    if (votes == NULL || voters == NULL || distances == NULL)
        status = vg_fail_memory(error, labels * sizeof *votes + k * sizeof *voters);
    for (size_t row = 0; row < inspection->rows && status == VG_OK; row++) {
        if (!vg_row_has_label(state->table, row)) continue;
        size_t n = find_voters(state, row, voters, distances);
        inspection->unvoted += n < 2;
        if (n < 2) continue; /* one alone contradicts nothing */
        vote(state, row, voters, distances, n, votes);
        if (inspection->findings[row].suggested != inspection->labels.codes[row])
            note(state, row, VG_CHECK_LABELS);
    }
    free(votes);
    free(voters);
    free(distances);
    return status == VG_OK ? rank_rows(state, label_score, take_label_rank, error) : status;
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
            if (are_kin(state, row, neighbours[i])) continue;
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

/* --- Pictures ---------------------------------------------------------------------- */

static bool has_measures(const inspecting *state)
{
    return state->options->quality != NULL && state->options->quality->known > 0;
}

static void find_faults(inspecting *state)
{
    vg_inspection *inspection = state->inspection;
    if (!is_wanted(state, VG_CHECK_QUALITY) || !has_measures(state)) return;
    for (size_t row = 0; row < inspection->rows; row++) {
        vg_finding *finding = &inspection->findings[row];
        finding->faults = vg_picture_faults(&state->options->quality->measures[row]);
        for (int fault = 0; fault < VG_FAULT_COUNT; fault++)
            inspection->faults[fault] += (finding->faults & 1u << fault) != 0;
        if (finding->faults != 0) note(state, row, VG_CHECK_QUALITY);
    }
}

static vg_status find_resaved(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    const vg_inspection_options *options = state->options;
    size_t rows = inspection->rows;
    /* A picture that was saved again leaks too. */
    bool is_needed = is_wanted(state, VG_CHECK_RESAVED) || is_wanted(state, VG_CHECK_LEAKS);
    if (!is_needed || !has_measures(state)) return VG_OK;
    float *diameters = malloc((rows + 1) * sizeof *diameters);
    if (diameters == NULL) return vg_fail_memory(error, rows * sizeof *diameters);
    vg_status status =
        vg_pictures_group(state->rows, diameters, &inspection->resaved_groups, options->quality,
                          options->within, rows, options->same_as, options->cancel, error);
    for (size_t row = 0; row < rows && status == VG_OK; row++) {
        vg_finding *finding = &inspection->findings[row];
        finding->resaved_group = state->rows[row];
        finding->resaved_diameter = (double)diameters[row];
    }
    free(diameters);
    return status;
}

/* After the leaks, which take the groups too. */
static void note_resaved(inspecting *state)
{
    vg_inspection *inspection = state->inspection;
    bool is_asked = is_wanted(state, VG_CHECK_RESAVED);
    for (size_t row = 0; row < inspection->rows; row++) {
        uint32_t *group = &inspection->findings[row].resaved_group;
        if (*group != 0 && is_asked) note(state, row, VG_CHECK_RESAVED);
        if (!is_asked) *group = 0;
    }
    if (!is_asked) inspection->resaved_groups = 0;
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

/* A copy among those trained on, else the nearest that is near enough, else the same picture in
 * another file. */
static void look_for_twin(inspecting *state, size_t row, const int64_t *trained,
                          const int64_t *trained_pictures)
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
        if (are_kin(state, row, neighbours[i])) continue;
        finding->leak_of = neighbours[i];
        finding->leak_distance = (double)distances[i];
    }
    if (finding->leak_of < 0 && finding->resaved_group != 0) {
        finding->leak_of = trained_pictures[finding->resaved_group];
        finding->leak_distance = (double)NAN;
    }
    if (finding->leak_of >= 0) note(state, row, VG_CHECK_LEAKS);
}

/* A split that cuts groups tests objects that were trained on. */
static vg_status count_cut_groups(inspecting *state, vg_error *error)
{
    vg_inspection *inspection = state->inspection;
    if (state->groups == NULL) return VG_OK;
    bool *is_trained = calloc(state->group_count + 1, sizeof *is_trained);
    if (is_trained == NULL) return vg_fail_memory(error, state->group_count);
    for (size_t row = 0; row < inspection->rows; row++)
        is_trained[state->groups[row]] |= is_training(state, row);
    for (size_t row = 0; row < inspection->rows; row++)
        inspection->leak_groups += !is_training(state, row) && is_trained[state->groups[row]];
    free(is_trained);
    return VG_OK;
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
    int64_t *trained = malloc((rows + 1) * sizeof *trained);   /* first trained row of a content */
    int64_t *pictures = malloc((rows + 1) * sizeof *pictures); /* that of a resaved group */
    if (sizes == NULL || trained == NULL || pictures == NULL)
        status = vg_fail_memory(error, rows * sizeof *trained);
    if (status == VG_OK) inspection->training = training_split(&splits, rows, sizes);
    if (status == VG_OK && inspection->training != NULL) {
        const uint32_t *same_as = state->options->same_as;
        for (size_t row = 0; row <= rows; row++) trained[row] = pictures[row] = -1;
        for (size_t row = rows; row-- > 0;) {
            if (!is_training(state, row)) continue;
            if (same_as != NULL) trained[same_as[row]] = (int64_t)row;
            pictures[inspection->findings[row].resaved_group] = (int64_t)row;
        }
        for (size_t row = 0; row < rows; row++)
            if (!is_training(state, row)) look_for_twin(state, row, trained, pictures);
        status = count_cut_groups(state, error);
    }
    free(sizes);
    free(trained);
    free(pictures);
    vg_text_codes_free(&splits);
    return status;
}

/* --- All of it --------------------------------------------------------------------- */

static vg_status find_groups(inspecting *state, vg_error *error)
{
    size_t rows = state->inspection->rows;
    if (state->options->group == NULL) return VG_OK;
    state->groups = malloc((rows + 1) * sizeof *state->groups);
    if (state->groups == NULL) return vg_fail_memory(error, rows * sizeof *state->groups);
    return vg_path_groups_find(state->groups, &state->group_count, state->options->group,
                               &state->table->paths, NULL, rows, error);
}

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
    for (size_t row = 0; row < rows; row++)
        inspection->unlabelled += !vg_row_has_label(state->table, row);
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
    if (status == VG_OK) status = find_groups(&state, error);
    if (status == VG_OK) {
        measure_nearest(&state);
        status = find_outliers(&state, error);
    }
    if (status == VG_OK) status = find_contradicted(&state, error);
    if (status == VG_OK) status = find_duplicates(&state, error);
    if (status == VG_OK) find_faults(&state);
    if (status == VG_OK) status = find_resaved(&state, error);
    if (status == VG_OK) status = find_leaks(&state, error);
    if (status == VG_OK) note_resaved(&state);
    free(state.groups);
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
    vg_row_quality_close(&inspection->quality);
    *inspection = (vg_inspection){0};
}
