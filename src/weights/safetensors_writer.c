/* Weights to a safetensors file: the same weights give the same bytes. */
#include "weights/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/new_file.h"
#include "model/weights.h"

enum { LENGTH_BYTES = 8, HEADER_ALIGNMENT = 8, ENTRY_CHARS = 256 };

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(vg_tensor *const *)a)->name, (*(vg_tensor *const *)b)->name);
}

static int write_metadata(char *text, size_t capacity, const vg_weights *weights)
{
    char source[VG_ORIGIN_CHARS];
    memcpy(source, weights->origin, sizeof source);
    for (char *c = source; *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\') *c = '?';
    return snprintf(text, capacity,
                    "{\"__metadata__\":{\"format\":\"tf\",\"architecture\":\"mobilenet_v2\","
                    "\"alpha\":\"1.0\",\"input\":\"1x224x224x3 RGB, x/127.5-1\","
                    "\"batch_norm\":\"folded into kernel and bias\",\"source\":\"%s\"}",
                    source);
}

static int write_entry(char *text, size_t capacity, const vg_tensor *tensor, size_t begin)
{
    char shape[VG_SHAPE_CHARS];
    vg_shape_text(shape, tensor->rank, tensor->shape);
    for (char *c = shape; *c != '\0'; c++)
        if (*c == 'x') *c = ',';
    return snprintf(text, capacity,
                    ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                    tensor->name, shape, begin, begin + vg_tensor_count(tensor) * sizeof(float));
}

/* The JSON, padded with spaces so that the values are aligned. */
static char *make_header(const vg_weights *weights, const vg_tensor *const *sorted, size_t *size)
{
    size_t capacity = (weights->count + 2) * ENTRY_CHARS + VG_ORIGIN_CHARS;
    char *text = malloc(capacity);
    if (text == NULL) return NULL;
    size_t begin = 0, used = (size_t)write_metadata(text, capacity, weights);
    for (size_t i = 0; i < weights->count; i++) {
        used += (size_t)write_entry(text + used, capacity - used, sorted[i], begin);
        begin += vg_tensor_count(sorted[i]) * sizeof(float);
    }
    text[used++] = '}';
    while (used % HEADER_ALIGNMENT != 0) text[used++] = ' ';
    *size = used;
    return text;
}

static int write_values(FILE *file, const vg_tensor *tensor)
{
    size_t count = vg_tensor_count(tensor);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &tensor->values[i], sizeof bits);
        unsigned char bytes[sizeof bits];
        for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (unsigned char)(bits >> 8 * k);
        if (fwrite(bytes, sizeof bytes, 1, file) != 1) return 0;
    }
    return 1;
}

static int write_all(FILE *file, const char *header, size_t header_size,
                     const vg_tensor *const *sorted, size_t count)
{
    unsigned char length[LENGTH_BYTES];
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)((uint64_t)header_size >> 8 * i);
    if (fwrite(length, sizeof length, 1, file) != 1) return 0;
    if (fwrite(header, header_size, 1, file) != 1) return 0;
    for (size_t i = 0; i < count; i++)
        if (!write_values(file, sorted[i])) return 0;
    return 1;
}

vg_status vg_weights_write_safetensors(const vg_weights *weights, const char *path, vg_error *error)
{
    size_t header_size = 0;
    char *header = NULL;
    vg_new_file file = {0};
    vg_status status = VG_OK;
    const vg_tensor **sorted = malloc((weights->count + 1) * sizeof *sorted);
    if (sorted == NULL) return vg_fail_memory(error, (weights->count + 1) * sizeof *sorted);
    for (size_t i = 0; i < weights->count; i++) sorted[i] = &weights->tensors[i];
    qsort(sorted, weights->count, sizeof *sorted, compare_names);

    header = make_header(weights, sorted, &header_size);
    if (header == NULL) status = vg_fail_memory(error, weights->count * ENTRY_CHARS);
    if (status == VG_OK) status = vg_new_file_open(&file, path, error);
    if (status == VG_OK) {
        int is_written = write_all(file.stream, header, header_size, sorted, weights->count);
        status = vg_new_file_close(&file, is_written, error);
    }
    free(header);
    free(sorted);
    return status;
}
