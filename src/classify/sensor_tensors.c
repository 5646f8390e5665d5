#include "classify/sensor_tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const char names_name[] = "sensor_names", scales_name[] = "sensor_scales",
                  categories_name[] = "sensor_categories";

/* --- Writing ---------------------------------------------------------------------------- */

static char *put_text(char *to, const char *text)
{
    size_t size = strlen(text) + 1;
    memcpy(to, text, size);
    return to + size;
}

vg_status vg_sensor_tensors_open(vg_sensor_tensors *tensors, const vg_sensor_columns *columns,
                                 vg_error *error)
{
    size_t name_bytes = 0, category_bytes = columns->count;
    *tensors = (vg_sensor_tensors){0};
    if (columns->count == 0) return VG_OK;
    for (size_t c = 0; c < columns->count; c++) {
        const vg_sensor_column *column = &columns->items[c];
        name_bytes += strlen(column->name) + 1;
        for (size_t i = 0; i < column->category_count; i++)
            category_bytes += strlen(column->categories[i]) + 1;
    }
    tensors->names = malloc(name_bytes);
    tensors->categories = malloc(category_bytes);
    tensors->scales = malloc(2 * columns->count * sizeof(double));
    if (tensors->names == NULL || tensors->categories == NULL || tensors->scales == NULL) {
        vg_sensor_tensors_close(tensors);
        return vg_fail_memory(error, name_bytes + category_bytes);
    }
    char *name = tensors->names, *category = tensors->categories;
    for (size_t c = 0; c < columns->count; c++) {
        const vg_sensor_column *column = &columns->items[c];
        name = put_text(name, column->name);
        for (size_t i = 0; i < column->category_count; i++)
            category = put_text(category, column->categories[i]);
        *category++ = '\0';
        tensors->scales[2 * c] = column->mean;
        tensors->scales[2 * c + 1] = column->scale;
    }
    tensors->tensors[0] =
        (vg_file_tensor){scales_name, VG_TENSOR_F64, 2, {columns->count, 2}, tensors->scales};
    tensors->tensors[1] =
        (vg_file_tensor){names_name, VG_TENSOR_U8, 1, {name_bytes}, tensors->names};
    tensors->tensors[2] =
        (vg_file_tensor){categories_name, VG_TENSOR_U8, 1, {category_bytes}, tensors->categories};
    tensors->count = VG_SENSOR_TENSORS;
    return VG_OK;
}

void vg_sensor_tensors_close(vg_sensor_tensors *tensors)
{
    free(tensors->names);
    free(tensors->categories);
    free(tensors->scales);
    *tensors = (vg_sensor_tensors){0};
}

/* --- Reading ------------------------------------------------------------------------------ */

/* Texts that are read one after the other. */
typedef struct texts {
    const char *next, *end;
} texts;

/* The next one, kept with the columns; NULL past the last, or where memory ran out. */
static const char *take_text(vg_sensor_columns *columns, texts *from)
{
    size_t left = (size_t)(from->end - from->next), size = strnlen(from->next, left);
    if (size == left || vg_paths_add(&columns->texts, from->next, size, NULL) != VG_OK) return NULL;
    from->next += size + 1;
    return columns->texts.items[columns->texts.count - 1].text;
}

/* Up to the empty text; false where the list has no end, or is not in order. */
static bool take_categories(vg_sensor_columns *columns, vg_sensor_column *column, texts *from)
{
    size_t capacity = 0;
    for (const char *text; (text = take_text(columns, from)) != NULL;) {
        size_t count = column->category_count;
        if (text[0] == '\0') return true;
        if (count > 0 && strcmp(column->categories[count - 1], text) >= 0) return false;
        if (count == capacity) {
            const char **more =
                vg_grow((void *)column->categories, &capacity, sizeof *column->categories);
            if (more == NULL) return false;
            column->categories = more;
        }
        column->categories[column->category_count++] = text;
    }
    return false;
}

static bool take_columns(vg_sensor_columns *columns, size_t count, const double *scales,
                         texts *names, texts *categories)
{
    for (size_t c = 0; c < count; c++) {
        vg_sensor_column *column = &columns->items[c];
        columns->count++;
        column->name = take_text(columns, names);
        column->mean = scales[2 * c];
        column->scale = scales[2 * c + 1];
        if (column->name == NULL || !isfinite(column->mean) || !isfinite(column->scale) ||
            !take_categories(columns, column, categories))
            return false;
        columns->dims += column->category_count > 0 ? (int)column->category_count : 1;
    }
    return names->next == names->end && categories->next == categories->end;
}

vg_status vg_sensor_tensors_read(vg_sensor_columns *columns, const vg_tensor_file *file,
                                 vg_error *error)
{
    size_t shape[2], name_bytes, category_bytes;
    double *scales = NULL;
    const char *names, *categories;
    *columns = (vg_sensor_columns){0};
    if (!vg_tensor_file_has(file, scales_name)) return VG_OK;
    vg_status status = vg_tensor_file_doubles(file, scales_name, 2, shape, &scales, error);
    if (status == VG_OK)
        status = vg_tensor_file_bytes(file, names_name, &names, &name_bytes, error);
    if (status == VG_OK)
        status = vg_tensor_file_bytes(file, categories_name, &categories, &category_bytes, error);
    if (status == VG_OK) {
        columns->items = calloc(shape[0] + 1, sizeof *columns->items);
        if (columns->items == NULL) status = vg_fail_memory(error, shape[0]);
    }
    if (status == VG_OK &&
        (shape[1] != 2 ||
         !take_columns(columns, shape[0], scales, &(texts){names, names + name_bytes},
                       &(texts){categories, categories + category_bytes})))
        status = vg_fail(error, VG_EFORMAT, "its columns beside the features are damaged");
    free(scales);
    if (status != VG_OK) vg_sensor_columns_close(columns);
    return status;
}
