#include "report/page_columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "output/text_codes.h"
#include "report/page_blocks.h"

/* A legend of more is no legend; so few different numbers are classes, such as of years. */
enum { MOST_TEXTS = 4096, FEW_NUMBERS = 24, BLOCK_CHARS = 32 };

typedef struct column {
    const char *name;
    const vg_paths *texts;
    vg_text_codes codes;
    uint16_t *steps; /* [rows] */
} column;

/* All rows as numbers; false where one is none. */
static bool read_numbers(const column *c, float *numbers)
{
    for (size_t i = 0; i < c->codes.value_count; i++) {
        char *end;
        const char *text = c->codes.values[i];
        if (text[0] == '\0' || !isfinite(strtof(text, &end)) || *end != '\0') return false;
    }
    for (size_t row = 0; row < c->texts->count; row++)
        numbers[row] = strtof(c->texts->items[row].text, NULL);
    return true;
}

static json_t *describe_numbers(const column *c, const float *numbers)
{
    float low, high;
    vg_page_quantise(c->steps, numbers, c->texts->count, 1, &low, &high);
    return json_pack("{s:s, s:[f, f]}", "name", c->name, "range", (double)low, (double)high);
}

static json_t *describe_texts(const column *c)
{
    json_t *values = json_array();
    for (size_t i = 0; i < c->codes.value_count; i++)
        json_array_append_new(values, json_string(c->codes.values[i]));
    for (size_t row = 0; row < c->texts->count; row++)
        c->steps[row] = (uint16_t)c->codes.codes[row];
    return json_pack("{s:s, s:o}", "name", c->name, "values", values);
}

static vg_status write_column(column *c, float *numbers, const vg_observer *observer, json_t *head,
                              FILE *page, vg_error *error)
{
    vg_status status = vg_text_codes_make(&c->codes, c->texts, error);
    if (status != VG_OK) return status;
    size_t values = c->codes.value_count;
    json_t *columns = json_object_get(head, "columns"), *described = NULL;
    if (values > FEW_NUMBERS && read_numbers(c, numbers))
        described = describe_numbers(c, numbers);
    else if (values > MOST_TEXTS)
        vg_notify_log(observer, VG_LOG_WARNING,
                      "%s has %zu different texts and is not on the page, which shows %d at most",
                      c->name, values, MOST_TEXTS);
    else if (values > 1)
        described = describe_texts(c);
    vg_text_codes_free(&c->codes);
    if (described == NULL) return VG_OK;
    char block[BLOCK_CHARS];
    snprintf(block, sizeof block, "column-%zu", json_array_size(columns));
    json_array_append_new(columns, described);
    return vg_page_block_deflated(page, block, c->steps, c->texts->count * sizeof *c->steps, error);
}

vg_status vg_page_columns_write(const vg_row_table *rows, const vg_observer *observer, json_t *head,
                                FILE *page, vg_error *error)
{
    size_t count = vg_row_table_count(rows);
    column c = {.name = "split", .texts = &rows->splits, .steps = malloc(count * sizeof *c.steps)};
    float *numbers = malloc(count * sizeof *numbers);
    vg_status status = VG_OK;
    json_object_set_new(head, "columns", json_array());
    if (c.steps == NULL || numbers == NULL) status = vg_fail_memory(error, count * sizeof *numbers);
    if (status == VG_OK) status = write_column(&c, numbers, observer, head, page, error);
    for (size_t i = 0; i < rows->names.count && status == VG_OK; i++) {
        c.name = rows->names.items[i].text;
        c.texts = &rows->texts[i];
        status = write_column(&c, numbers, observer, head, page, error);
    }
    free(c.steps);
    free(numbers);
    return status;
}
