#include "output/text_codes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct row_text {
    const char *text;
    size_t row;
} row_text;

static int compare_texts(const void *left, const void *right)
{
    return strcmp(((const row_text *)left)->text, ((const row_text *)right)->text);
}

static void give_codes(vg_text_codes *codes, const row_text *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_texts(&sorted[i - 1], &sorted[i]) != 0)
            codes->values[codes->value_count++] = sorted[i].text;
        codes->codes[sorted[i].row] = (uint32_t)(codes->value_count - 1);
    }
}

static size_t count_values(const row_text *sorted, size_t count)
{
    size_t values = 0;
    for (size_t i = 0; i < count; i++)
        values += i == 0 || compare_texts(&sorted[i - 1], &sorted[i]) != 0;
    return values;
}

vg_status vg_text_codes_make(vg_text_codes *codes, const vg_paths *texts, vg_error *error)
{
    size_t count = texts->count;
    *codes = (vg_text_codes){0};
    row_text *sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL) return vg_fail_memory(error, count * sizeof *sorted);
    for (size_t i = 0; i < count; i++) sorted[i] = (row_text){texts->items[i].text, i};
    qsort(sorted, count, sizeof *sorted, compare_texts);

    size_t values = count_values(sorted, count);
    vg_status status = VG_OK;
    codes->values = malloc(values * sizeof *codes->values);
    codes->codes = malloc(count * sizeof *codes->codes);
    if (codes->values == NULL || codes->codes == NULL)
        status = vg_fail_memory(error, count * sizeof *codes->codes);
    else
        give_codes(codes, sorted, count);
    free(sorted);
    if (status != VG_OK) vg_text_codes_free(codes);
    return status;
}

void vg_text_codes_free(vg_text_codes *codes)
{
    free(codes->values);
    free(codes->codes);
    *codes = (vg_text_codes){0};
}
