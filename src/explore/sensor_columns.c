#include "explore/sensor_columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/text_codes.h"

enum { MOST_CATEGORIES = 256, MOST_DIMS = 8192 };

void vg_sensor_columns_close(vg_sensor_columns *columns)
{
    for (size_t c = 0; c < columns->count; c++) free(columns->items[c].categories);
    free(columns->items);
    vg_paths_free(&columns->texts);
    *columns = (vg_sensor_columns){0};
}

/* A finite number and nothing else. */
static bool take_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number);
}

/* How pandas and R write a number that is not there, beside "". */
static bool is_no_number(const char *text)
{
    return text[0] == '\0' || strcasecmp(text, "nan") == 0 || strcmp(text, "NA") == 0;
}

/* --- Fit ------------------------------------------------------------------------------ */

static vg_status keep_text(vg_sensor_columns *columns, const char *text, const char **kept,
                           vg_error *error)
{
    vg_status status = vg_paths_add(&columns->texts, text, strlen(text), error);
    if (status == VG_OK) *kept = columns->texts.items[columns->texts.count - 1].text;
    return status;
}

/* Mean and deviation, with n, of the numbers that are there; false where there is none, or where a
 * text is something else. */
static bool fit_numbers(vg_sensor_column *column, const vg_paths *texts, double weight)
{
    double sum = 0.0, squares = 0.0, number, count = 0.0;
    for (size_t i = 0; i < texts->count; i++) {
        if (is_no_number(texts->items[i].text)) continue;
        if (!take_number(texts->items[i].text, &number)) return false;
        sum += number;
        count += 1.0;
    }
    if (count == 0.0) return false;
    column->mean = sum / count;
    for (size_t i = 0; i < texts->count; i++) {
        if (!take_number(texts->items[i].text, &number)) continue;
        squares += (number - column->mean) * (number - column->mean);
    }
    double deviation = sqrt(squares / count);
    /* One that is the same everywhere tells nothing, and nothing is to be divided by. */
    column->scale = deviation > 0.0 ? weight / deviation : 0.0;
    return true;
}

/* Numbers that one text among them makes categories are hardly meant so. */
static void warn_of_numbers(const vg_sensor_column *column, const vg_paths *texts,
                            const vg_observer *observer)
{
    size_t numbers = 0, others = 0;
    const char *other = NULL;
    for (size_t i = 0; i < texts->count; i++) {
        double number;
        if (is_no_number(texts->items[i].text)) continue;
        if (take_number(texts->items[i].text, &number)) {
            numbers++;
        } else {
            others++;
            if (other == NULL) other = texts->items[i].text;
        }
    }
    if (numbers > others && others > 0)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%zu images have a number as %s, %zu have none, such as '%s': each text is "
                      "taken as a category",
                      numbers, column->name, others, other);
}

static vg_status fit_categories(vg_sensor_columns *columns, vg_sensor_column *column,
                                const vg_text_codes *codes, double weight, vg_error *error)
{
    vg_status status = VG_OK;
    column->mean = 0.0;
    column->scale = weight;
    if (codes->value_count > MOST_CATEGORIES)
        return vg_fail(error, VG_EINVAL,
                       "column %s has %zu different texts, at most %d can be categories",
                       column->name, codes->value_count, MOST_CATEGORIES);
    column->categories = calloc(codes->value_count + 1, sizeof *column->categories);
    if (column->categories == NULL) return vg_fail_memory(error, codes->value_count);
    for (size_t i = 0; i < codes->value_count && status == VG_OK; i++)
        if (codes->values[i][0] != '\0')
            status = keep_text(columns, codes->values[i],
                               &column->categories[column->category_count++], error);
    return status;
}

/* Of the texts of the rows that are fitted to. */
static vg_status fit_column(vg_sensor_columns *columns, vg_sensor_column *column,
                            const vg_paths *texts, double weight, const vg_observer *observer,
                            vg_error *error)
{
    vg_text_codes codes;
    vg_status status = vg_text_codes_make(&codes, texts, error);
    if (status != VG_OK) return status;
    if (codes.value_count == 0 || (codes.value_count == 1 && codes.values[0][0] == '\0'))
        status = vg_fail(error, VG_EINVAL, "column %s says nothing of the images to learn from",
                         column->name);
    else if (!fit_numbers(column, texts, weight)) {
        warn_of_numbers(column, texts, observer);
        status = fit_categories(columns, column, &codes, weight, error);
    }
    columns->dims += column->category_count > 0 ? (int)column->category_count : 1;
    vg_text_codes_free(&codes);
    if (status == VG_OK && columns->dims > MOST_DIMS)
        return vg_fail(error, VG_EINVAL, "the columns give %d numbers a row, at most %d are taken",
                       columns->dims, MOST_DIMS);
    return status;
}

vg_status vg_sensor_columns_fit(vg_sensor_columns *columns, const vg_row_table *rows, size_t count,
                                const size_t *picks, size_t n, double weight,
                                const vg_observer *observer, vg_error *error)
{
    size_t first = rows->names.count - count;
    vg_paths of_picks = {.items = malloc((n + 1) * sizeof(vg_path)), .count = n};
    *columns = (vg_sensor_columns){.items = calloc(count + 1, sizeof *columns->items)};
    vg_status status = VG_OK;
    if (of_picks.items == NULL || columns->items == NULL)
        status = vg_fail_memory(error, n * sizeof(vg_path));
    for (size_t c = 0; c < count && status == VG_OK; c++) {
        vg_sensor_column *column = &columns->items[c];
        for (size_t i = 0; i < n; i++)
            of_picks.items[i] = rows->texts[first + c].items[picks != NULL ? picks[i] : i];
        status = keep_text(columns, rows->names.items[first + c].text, &column->name, error);
        columns->count++;
        if (status == VG_OK)
            status = fit_column(columns, column, &of_picks, weight, observer, error);
    }
    free(of_picks.items);
    if (status != VG_OK) vg_sensor_columns_close(columns);
    return status;
}

/* --- Rows ------------------------------------------------------------------------------- */

/* What was met with while rows were widened, a count a column. */
typedef struct widening {
    const vg_sensor_columns *columns;
    const vg_row_table *rows;
    uint64_t *empty, *foreign; /* [columns] */
} widening;

static int by_text(const void *left, const void *right)
{
    return strcmp(left, *(const char *const *)right);
}

/* The numbers of one column of a row; returns past them, NULL where the text is no number. */
static float *put_column(widening *state, size_t c, const char *text, float *to)
{
    const vg_sensor_column *column = &state->columns->items[c];
    double number;
    if (column->category_count == 0) {
        bool is_empty = is_no_number(text);
        if (!is_empty && !take_number(text, &number)) return NULL;
        state->empty[c] += is_empty;
        *to = is_empty ? 0.0F : (float)((number - column->mean) * column->scale);
        return to + 1;
    }
    state->empty[c] += text[0] == '\0';
    memset(to, 0, column->category_count * sizeof *to);
    const char **found = bsearch(text, column->categories, column->category_count,
                                 sizeof *column->categories, by_text);
    if (found != NULL)
        to[found - column->categories] = (float)column->scale;
    else if (text[0] != '\0')
        state->foreign[c]++;
    return to + column->category_count;
}

static vg_status put_row(widening *state, size_t row, float *to, vg_error *error)
{
    size_t first = state->rows->names.count - state->columns->count;
    for (size_t c = 0; c < state->columns->count; c++) {
        const char *text = state->rows->texts[first + c].items[row].text;
        to = put_column(state, c, text, to);
        if (to == NULL)
            return vg_fail(error, VG_EFORMAT, "%s: its %s is '%s', where others are numbers",
                           state->rows->paths.items[row].text, state->columns->items[c].name, text);
    }
    return VG_OK;
}

static void warn(const widening *state, const vg_observer *observer)
{
    for (size_t c = 0; c < state->columns->count; c++) {
        const vg_sensor_column *column = &state->columns->items[c];
        if (state->empty[c] > 0)
            vg_notify_log(observer, VG_LOG_WARNING, "%llu images have no %s: %s",
                          (unsigned long long)state->empty[c], column->name,
                          column->category_count > 0 ? "they are of none of its categories"
                                                     : "its mean is taken");
        if (state->foreign[c] > 0)
            vg_notify_log(observer, VG_LOG_WARNING,
                          "%llu images have a %s that no image had to learn from",
                          (unsigned long long)state->foreign[c], column->name);
    }
}

static vg_status widen(widening *state, vg_row_file *wide, float *room, vg_error *error)
{
    const vg_row_file *values = &state->rows->values;
    size_t dims = (size_t)values->dims;
    vg_status status = vg_row_file_open(wide, values->dims + state->columns->dims, error);
    for (size_t i = 0; i < values->count && status == VG_OK; i++) {
        memcpy(room, values->rows + i * dims, dims * sizeof *room);
        status = put_row(state, i, room + dims, error);
        if (status == VG_OK) status = vg_row_file_append(wide, room, error);
    }
    return status == VG_OK ? vg_row_file_map(wide, error) : status;
}

vg_status vg_sensor_columns_widen(const vg_sensor_columns *columns, vg_row_table *rows,
                                  const vg_observer *observer, vg_error *error)
{
    size_t dims = (size_t)rows->values.dims + (size_t)columns->dims;
    vg_row_file wide = {0};
    float *room = malloc(dims * sizeof *room);
    widening state = {.columns = columns,
                      .rows = rows,
                      .empty = calloc(columns->count, sizeof(uint64_t)),
                      .foreign = calloc(columns->count, sizeof(uint64_t))};
    vg_status status = VG_OK;
    if (room == NULL || state.empty == NULL || state.foreign == NULL)
        status = vg_fail_memory(error, dims * sizeof *room);
    if (status == VG_OK) status = widen(&state, &wide, room, error);
    if (status == VG_OK) {
        vg_row_file_close(&rows->values);
        rows->values = wide;
        warn(&state, observer);
    } else {
        vg_row_file_close(&wide);
    }
    free(room);
    free(state.empty);
    free(state.foreign);
    return status;
}

vg_status vg_sensor_columns_join(vg_sensor_columns *columns, vg_row_table *rows,
                                 const vg_join *join, double weight, const size_t *picks, size_t n,
                                 const vg_observer *observer, vg_error *error)
{
    if (join->file == NULL) return VG_OK;
    vg_status status = vg_join_to_rows(rows, join, observer, error);
    if (status == VG_OK)
        status = vg_sensor_columns_fit(columns, rows, join->columns.count, picks,
                                       picks != NULL ? n : vg_row_table_count(rows), weight,
                                       observer, error);
    return status == VG_OK ? vg_sensor_columns_widen(columns, rows, observer, error) : status;
}
