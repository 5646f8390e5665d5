/* https://huggingface.co/docs/safetensors: 8 bytes of little-endian header length, a JSON
 * header, the values, little-endian too. Whole numbers of four bytes are written as they lie, for
 * every CPU that has kernels is little-endian. */
#include "output/tensor_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum { LENGTH_BYTES = 8, ALIGNMENT = 8, MAX_HEADER = 1 << 20, NAME_CHARS = 64, TYPE_CHARS = 8 };

static const char *const type_names[] = {"F64", "F32", "I32", "U8"};
static const size_t type_sizes[] = {8, 4, 4, 1};

typedef struct vg_tensor_entry {
    char name[NAME_CHARS], type[TYPE_CHARS];
    int rank;
    uint64_t shape[VG_TENSOR_RANK], begin, end;
} vg_tensor_entry;

typedef struct vg_tensor_fact {
    char key[NAME_CHARS], value[VG_TENSOR_FACT_CHARS];
} vg_tensor_fact;

/* --- Writing ------------------------------------------------------------------------- */

static size_t value_count(const vg_file_tensor *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++) count *= tensor->shape[i];
    return count;
}

static void put_little_endian(FILE *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) fputc((int)(value >> (8 * i) & 0xff), out);
}

static void put_values(FILE *out, const vg_file_tensor *tensor)
{
    size_t count = value_count(tensor), size = type_sizes[tensor->type];
    if (size == 1) {
        fwrite(tensor->values, 1, count, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        uint32_t low = 0;
        if (size == sizeof bits)
            memcpy(&bits, (const uint64_t *)tensor->values + i, sizeof bits);
        else
            memcpy(&low, (const uint32_t *)tensor->values + i, sizeof low);
        put_little_endian(out, bits | low, size);
    }
}

static void put_header(FILE *out, const vg_file_tensor *tensors, size_t count, const vg_fact *facts,
                       size_t fact_count)
{
    size_t begin = 0;
    fputs("{\"__metadata__\": {", out);
    for (size_t i = 0; i < fact_count; i++) {
        if (i > 0) fputs(", ", out);
        vg_json_write_string(out, facts[i].key);
        fputs(": ", out);
        vg_json_write_string(out, facts[i].value);
    }
    fputc('}', out);
    for (size_t i = 0; i < count; i++) {
        const vg_file_tensor *tensor = &tensors[i];
        size_t end = begin + value_count(tensor) * type_sizes[tensor->type];
        fprintf(out, ", \"%s\": {\"dtype\": \"%s\", \"shape\": [", tensor->name,
                type_names[tensor->type]);
        for (int d = 0; d < tensor->rank; d++)
            fprintf(out, "%s%zu", d > 0 ? ", " : "", tensor->shape[d]);
        fprintf(out, "], \"data_offsets\": [%zu, %zu]}", begin, end);
        begin = end;
    }
    fputc('}', out);
    while (ftell(out) % ALIGNMENT != 0) fputc(' ', out);
}

vg_status vg_tensor_file_format(char **bytes, size_t *size, const vg_file_tensor *tensors,
                                size_t count, const vg_fact *facts, size_t fact_count,
                                vg_error *error)
{
    char *header = NULL;
    size_t header_size = 0;
    *bytes = NULL;
    FILE *text = open_memstream(&header, &header_size), *out = NULL;
    bool is_whole = text != NULL;
    if (is_whole) {
        put_header(text, tensors, count, facts, fact_count);
        is_whole = ferror(text) == 0;
        is_whole = fclose(text) == 0 && is_whole;
        out = is_whole ? open_memstream(bytes, size) : NULL;
    }
    if (out != NULL) {
        put_little_endian(out, header_size, LENGTH_BYTES);
        fwrite(header, 1, header_size, out);
        for (size_t i = 0; i < count; i++) put_values(out, &tensors[i]);
        is_whole = ferror(out) == 0;
        is_whole = fclose(out) == 0 && is_whole;
    }
    free(header);
    if (out != NULL && is_whole) return VG_OK;
    free(*bytes);
    *bytes = NULL;
    return vg_fail_memory(error, header_size);
}

/* --- Reading ---------------------------------------------------------------------------- */

static bool take_fact(vg_json *json, vg_tensor_file *file)
{
    vg_json_string key, value;
    if (!vg_json_take_string(json, &key) || !vg_json_take(json, ':') ||
        !vg_json_take_string(json, &value))
        return false;
    if (file->fact_count == file->fact_capacity) {
        vg_tensor_fact *more = vg_grow(file->facts, &file->fact_capacity, sizeof *more);
        if (more == NULL) return false;
        file->facts = more;
    }
    vg_tensor_fact *fact = &file->facts[file->fact_count];
    /* What is not plain says nothing to us. */
    if (vg_json_copy_plain(key, fact->key, sizeof fact->key) &&
        vg_json_copy_plain(value, fact->value, sizeof fact->value))
        file->fact_count++;
    return true;
}

static bool take_shape(vg_json *json, vg_tensor_entry *entry)
{
    if (!vg_json_take(json, '[')) return false;
    do {
        if (entry->rank == VG_TENSOR_RANK ||
            !vg_json_take_number(json, &entry->shape[entry->rank++]))
            return false;
    } while (vg_json_take(json, ','));
    return vg_json_take(json, ']');
}

static bool take_field(vg_json *json, vg_tensor_entry *entry)
{
    vg_json_string key, value;
    if (!vg_json_take_string(json, &key) || !vg_json_take(json, ':')) return false;
    if (vg_json_equal(key, "shape")) return take_shape(json, entry);
    if (vg_json_equal(key, "dtype"))
        return vg_json_take_string(json, &value) &&
               vg_json_copy_plain(value, entry->type, sizeof entry->type);
    return vg_json_equal(key, "data_offsets") && vg_json_take(json, '[') &&
           vg_json_take_number(json, &entry->begin) && vg_json_take(json, ',') &&
           vg_json_take_number(json, &entry->end) && vg_json_take(json, ']');
}

static bool take_entry(vg_json *json, vg_tensor_file *file, vg_json_string name)
{
    if (file->count == file->capacity) {
        vg_tensor_entry *more = vg_grow(file->entries, &file->capacity, sizeof *more);
        if (more == NULL) return false;
        file->entries = more;
    }
    vg_tensor_entry *entry = &file->entries[file->count];
    *entry = (vg_tensor_entry){.rank = 0};
    if (!vg_json_copy_plain(name, entry->name, sizeof entry->name) || !vg_json_take(json, '{'))
        return false;
    do {
        if (!take_field(json, entry)) return false;
    } while (vg_json_take(json, ','));
    file->count++;
    return vg_json_take(json, '}');
}

static bool take_header(vg_json *json, vg_tensor_file *file)
{
    if (!vg_json_take(json, '{')) return false;
    do {
        vg_json_string name;
        if (!vg_json_take_string(json, &name) || !vg_json_take(json, ':')) return false;
        if (!vg_json_equal(name, "__metadata__")) {
            if (!take_entry(json, file, name)) return false;
            continue;
        }
        if (!vg_json_take(json, '{')) return false;
        if (vg_json_take(json, '}')) continue;
        do {
            if (!take_fact(json, file)) return false;
        } while (vg_json_take(json, ','));
        if (!vg_json_take(json, '}')) return false;
    } while (vg_json_take(json, ','));
    return vg_json_take(json, '}') && vg_json_at_end(json);
}

vg_status vg_tensor_file_parse(vg_tensor_file *file, char *bytes, size_t size, vg_error *error)
{
    uint64_t length = 0;
    *file = (vg_tensor_file){.bytes = bytes, .size = size};
    for (int i = 0; i < LENGTH_BYTES && size >= LENGTH_BYTES; i++)
        length |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    bool is_one = size >= LENGTH_BYTES && length <= MAX_HEADER && length <= size - LENGTH_BYTES;
    if (is_one) {
        vg_json json = {.next = bytes + LENGTH_BYTES, .end = bytes + LENGTH_BYTES + length};
        file->values = LENGTH_BYTES + (size_t)length;
        if (take_header(&json, file)) return VG_OK;
    }
    vg_tensor_file_close(file);
    return vg_fail(error, VG_EFORMAT, "%s",
                   is_one ? "its header is damaged, or of something else"
                          : "it is no safetensors file");
}

void vg_tensor_file_close(vg_tensor_file *file)
{
    free(file->entries);
    free(file->facts);
    free(file->bytes);
    *file = (vg_tensor_file){0};
}

const char *vg_tensor_file_fact(const vg_tensor_file *file, const char *key)
{
    for (size_t i = 0; i < file->fact_count; i++)
        if (strcmp(file->facts[i].key, key) == 0) return file->facts[i].value;
    return NULL;
}

bool vg_tensor_file_has(const vg_tensor_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, name) == 0) return true;
    return false;
}

/* The tensor, if it is of that type and its values are in the file. */
static const vg_tensor_entry *find(const vg_tensor_file *file, const char *name,
                                   vg_tensor_type type, int rank)
{
    size_t room = file->size - file->values;
    for (size_t i = 0; i < file->count; i++) {
        const vg_tensor_entry *entry = &file->entries[i];
        if (strcmp(entry->name, name) != 0) continue;
        if (strcmp(entry->type, type_names[type]) != 0 || entry->rank != rank ||
            entry->begin > entry->end || entry->end > room)
            return NULL;
        uint64_t left = (entry->end - entry->begin) / type_sizes[type];
        bool is_whole = (entry->end - entry->begin) % type_sizes[type] == 0;
        for (int d = 0; d < rank; d++) {
            is_whole &= entry->shape[d] > 0 && left % entry->shape[d] == 0;
            if (!is_whole) return NULL;
            left /= entry->shape[d];
        }
        return left == 1 ? entry : NULL;
    }
    return NULL;
}

static vg_status fail_tensor(const char *name, vg_error *error)
{
    return vg_fail(error, VG_EFORMAT, "its tensor \"%s\" is missing or damaged", name);
}

static void take_numbers(void *to, const char *bytes, size_t count, vg_tensor_type type)
{
    const unsigned char *from = (const unsigned char *)bytes;
    size_t size = type_sizes[type];
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        for (size_t j = 0; j < size; j++) bits |= (uint64_t)from[i * size + j] << (8 * j);
        if (size == sizeof(uint64_t)) {
            memcpy((uint64_t *)to + i, &bits, size);
        } else {
            uint32_t low = (uint32_t)bits;
            memcpy((uint32_t *)to + i, &low, size);
        }
    }
}

/* NULL where it is not there, or memory is short. */
static void *numbers(const vg_tensor_file *file, const char *name, vg_tensor_type type, int rank,
                     size_t *shape, vg_status *status, vg_error *error)
{
    const vg_tensor_entry *entry = find(file, name, type, rank);
    if (entry == NULL) {
        *status = fail_tensor(name, error);
        return NULL;
    }
    size_t bytes = (size_t)(entry->end - entry->begin), count = bytes / type_sizes[type];
    void *values = vg_alloc_aligned(count, type_sizes[type]);
    *status = values != NULL ? VG_OK : vg_fail_memory(error, bytes);
    if (values == NULL) return NULL;
    take_numbers(values, file->bytes + file->values + (size_t)entry->begin, count, type);
    for (int d = 0; d < rank; d++) shape[d] = (size_t)entry->shape[d];
    return values;
}

vg_status vg_tensor_file_doubles(const vg_tensor_file *file, const char *name, int rank,
                                 size_t *shape, double **values, vg_error *error)
{
    vg_status status;
    *values = numbers(file, name, VG_TENSOR_F64, rank, shape, &status, error);
    return status;
}

vg_status vg_tensor_file_floats(const vg_tensor_file *file, const char *name, int rank,
                                size_t *shape, float **values, vg_error *error)
{
    vg_status status;
    *values = numbers(file, name, VG_TENSOR_F32, rank, shape, &status, error);
    return status;
}

vg_status vg_tensor_file_int32s(const vg_tensor_file *file, const char *name, int rank,
                                size_t *shape, int32_t **values, vg_error *error)
{
    vg_status status;
    *values = numbers(file, name, VG_TENSOR_I32, rank, shape, &status, error);
    return status;
}

vg_status vg_tensor_file_bytes(const vg_tensor_file *file, const char *name, const char **bytes,
                               size_t *size, vg_error *error)
{
    const vg_tensor_entry *entry = find(file, name, VG_TENSOR_U8, 1);
    if (entry == NULL) return fail_tensor(name, error);
    *bytes = file->bytes + file->values + (size_t)entry->begin;
    *size = (size_t)(entry->end - entry->begin);
    return VG_OK;
}
