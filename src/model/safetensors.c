/* The safetensors format, read with every check that a hostile file calls for.
 * https://huggingface.co/docs/safetensors: the header's tensors cover the values
 * exactly, without holes; names are unique; "__metadata__" holds strings only. */
#include "model/packed.h"
#include "model/weights.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

enum {
    LENGTH_BYTES = 8,
    MAX_HEADER_BYTES = 1 << 20, /* MobileNetV2's is 10 kB; the format allows 100 MB */
};

typedef struct entry {
    char name[VG_MAX_NAME];
    int rank;
    int shape[VG_MAX_RANK];
    uint64_t begin, end; /* bytes after the header */
} entry;

typedef struct header {
    entry *entries;
    size_t count, capacity;
    char origin[VG_ORIGIN_CHARS];
} header;

static uint64_t little_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static vg_status fail_syntax(const vg_json *json, const char *start, const char *wanted,
                             vg_error *error)
{
    return vg_fail(error, VG_EFORMAT, "its JSON header is damaged at byte %td: %s is missing",
                   json->next - start, wanted);
}

/* {"key": "value", ...}: of these only "source" says something to us. */
static vg_status parse_metadata(vg_json *json, const char *start, header *parsed, vg_error *error)
{
    if (!vg_json_take(json, '{')) return fail_syntax(json, start, "'{'", error);
    if (vg_json_take(json, '}')) return VG_OK;
    do {
        vg_json_string key, value;
        if (!vg_json_take_string(json, &key) || !vg_json_take(json, ':') ||
            !vg_json_take_string(json, &value))
            return fail_syntax(json, start, "a string of __metadata__", error);
        if (vg_json_equal(key, "source"))
            vg_json_copy_plain(value, parsed->origin, sizeof parsed->origin);
    } while (vg_json_take(json, ','));
    return vg_json_take(json, '}') ? VG_OK : fail_syntax(json, start, "'}'", error);
}

static vg_status parse_shape(vg_json *json, const char *start, entry *tensor, vg_error *error)
{
    if (!vg_json_take(json, '[')) return fail_syntax(json, start, "'['", error);
    do {
        uint64_t dimension = 0;
        if (!vg_json_take_number(json, &dimension))
            return fail_syntax(json, start, "a dimension", error);
        if (tensor->rank == VG_MAX_RANK || dimension == 0 || dimension > INT_MAX)
            return vg_fail(error, VG_EFORMAT,
                           "the tensor \"%s\" has a shape that no MobileNetV2 has", tensor->name);
        tensor->shape[tensor->rank++] = (int)dimension;
    } while (vg_json_take(json, ','));
    return vg_json_take(json, ']') ? VG_OK : fail_syntax(json, start, "']'", error);
}

static vg_status parse_offsets(vg_json *json, const char *start, entry *tensor, vg_error *error)
{
    if (!vg_json_take(json, '[') || !vg_json_take_number(json, &tensor->begin) ||
        !vg_json_take(json, ',') || !vg_json_take_number(json, &tensor->end) ||
        !vg_json_take(json, ']'))
        return fail_syntax(json, start, "[begin, end] of data_offsets", error);
    return VG_OK;
}

static vg_status parse_dtype(vg_json *json, const char *start, const entry *tensor, vg_error *error)
{
    vg_json_string dtype;
    if (!vg_json_take_string(json, &dtype)) return fail_syntax(json, start, "a dtype", error);
    if (vg_json_equal(dtype, "F32")) return VG_OK;
    return vg_fail(error, VG_EFORMAT, "the tensor \"%s\" is %.*s, not F32", tensor->name,
                   dtype.size > 16 ? 16 : (int)dtype.size, dtype.text);
}

/* The three fields in any order, each exactly once. */
static vg_status parse_fields(vg_json *json, const char *start, entry *tensor, vg_error *error)
{
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4 };
    unsigned seen = 0;
    if (!vg_json_take(json, '{')) return fail_syntax(json, start, "'{'", error);
    do {
        vg_json_string key;
        if (!vg_json_take_string(json, &key) || !vg_json_take(json, ':'))
            return fail_syntax(json, start, "dtype, shape or data_offsets", error);
        unsigned field = vg_json_equal(key, "dtype")          ? DTYPE
                         : vg_json_equal(key, "shape")        ? SHAPE
                         : vg_json_equal(key, "data_offsets") ? OFFSETS
                                                              : 0;
        if (field == 0 || (seen & field) != 0)
            return vg_fail(error, VG_EFORMAT, "the tensor \"%s\" has a field %s", tensor->name,
                           field == 0 ? "that the format does not know" : "twice");
        seen |= field;
        vg_status status = field == DTYPE   ? parse_dtype(json, start, tensor, error)
                           : field == SHAPE ? parse_shape(json, start, tensor, error)
                                            : parse_offsets(json, start, tensor, error);
        if (status != VG_OK) return status;
    } while (vg_json_take(json, ','));
    if (!vg_json_take(json, '}')) return fail_syntax(json, start, "'}'", error);
    if (seen == (DTYPE | SHAPE | OFFSETS)) return VG_OK;
    return vg_fail(error, VG_EFORMAT, "the tensor \"%s\" lacks dtype, shape or data_offsets",
                   tensor->name);
}

static vg_status next_entry(header *parsed, entry **next, vg_error *error)
{
    if (parsed->count == parsed->capacity) {
        size_t capacity = parsed->capacity > 0 ? 2 * parsed->capacity : 2 * VG_LAYER_COUNT;
        entry *entries = realloc(parsed->entries, capacity * sizeof *entries);
        if (entries == NULL) return vg_fail_memory(error, capacity * sizeof *entries);
        parsed->entries = entries;
        parsed->capacity = capacity;
    }
    *next = &parsed->entries[parsed->count++];
    **next = (entry){0};
    return VG_OK;
}

static vg_status parse_member(vg_json *json, const char *start, header *parsed, vg_error *error)
{
    vg_json_string name;
    if (!vg_json_take_string(json, &name) || !vg_json_take(json, ':'))
        return fail_syntax(json, start, "a tensor's name", error);
    if (vg_json_equal(name, "__metadata__")) return parse_metadata(json, start, parsed, error);

    entry *tensor = NULL;
    vg_status status = next_entry(parsed, &tensor, error);
    if (status != VG_OK) return status;
    if (!vg_json_copy_plain(name, tensor->name, sizeof tensor->name))
        return vg_fail(error, VG_EFORMAT,
                       "the name of tensor %zu is no plain text of less than %d characters",
                       parsed->count, VG_MAX_NAME);
    return parse_fields(json, start, tensor, error);
}

static vg_status parse_header(const char *text, size_t size, header *parsed, vg_error *error)
{
    vg_json json = {text, text + size};
    if (!vg_json_take(&json, '{')) return fail_syntax(&json, text, "'{'", error);
    do {
        vg_status status = parse_member(&json, text, parsed, error);
        if (status != VG_OK) return status;
    } while (vg_json_take(&json, ','));
    if (!vg_json_take(&json, '}')) return fail_syntax(&json, text, "'}'", error);
    if (!vg_json_at_end(&json)) return fail_syntax(&json, text, "the end", error);
    return VG_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static int compare_offsets(const void *a, const void *b)
{
    uint64_t left = ((const entry *)a)->begin, right = ((const entry *)b)->begin;
    return (left > right) - (left < right);
}

static vg_status check_names(header *parsed, vg_error *error)
{
    qsort(parsed->entries, parsed->count, sizeof *parsed->entries, compare_names);
    for (size_t i = 1; i < parsed->count; i++)
        if (strcmp(parsed->entries[i - 1].name, parsed->entries[i].name) == 0)
            return vg_fail(error, VG_EFORMAT, "the tensor \"%s\" is there twice",
                           parsed->entries[i].name);
    return VG_OK;
}

/* Bytes of the shape, or UINT64_MAX if more than `limit`. */
static uint64_t shape_bytes(const entry *tensor, uint64_t limit)
{
    uint64_t bytes = sizeof(float);
    for (int i = 0; i < tensor->rank; i++) {
        if (bytes > limit / (uint64_t)tensor->shape[i]) return UINT64_MAX;
        bytes *= (uint64_t)tensor->shape[i];
    }
    return bytes;
}

/* Leaves the entries in the order of their values. */
static vg_status check_offsets(header *parsed, uint64_t data_size, vg_error *error)
{
    uint64_t expected = 0;
    qsort(parsed->entries, parsed->count, sizeof *parsed->entries, compare_offsets);
    for (size_t i = 0; i < parsed->count; i++) {
        const entry *tensor = &parsed->entries[i];
        if (tensor->end > data_size || tensor->begin > tensor->end)
            return vg_fail(error, VG_EFORMAT,
                           "the tensor \"%s\" lies at bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64
                           " bytes of values",
                           tensor->name, tensor->begin, tensor->end, data_size);
        if (shape_bytes(tensor, data_size) != tensor->end - tensor->begin)
            return vg_fail(error, VG_EFORMAT,
                           "the tensor \"%s\" has %" PRIu64 " bytes, its shape asks for others",
                           tensor->name, tensor->end - tensor->begin);
        if (tensor->begin != expected)
            return vg_fail(error, VG_EFORMAT,
                           "the tensor \"%s\" begins at byte %" PRIu64 " where %" PRIu64
                           " is due: values overlap or leave a hole",
                           tensor->name, tensor->begin, expected);
        expected = tensor->end;
    }
    if (expected == data_size) return VG_OK;
    return vg_fail(error, VG_EFORMAT, "%" PRIu64 " bytes follow the last tensor",
                   data_size - expected);
}

static vg_status copy_values(vg_tensor *tensor, const unsigned char *bytes, vg_error *error)
{
    size_t count = vg_tensor_count(tensor);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)little_endian(bytes + i * sizeof bits, sizeof bits);
        memcpy(&tensor->values[i], &bits, sizeof bits);
        if (!isfinite(tensor->values[i]))
            return vg_fail(error, VG_EFORMAT, "value %zu of the tensor \"%s\" is not finite", i,
                           tensor->name);
    }
    return VG_OK;
}

static vg_status copy_tensors(vg_weights **weights, const header *parsed, const unsigned char *data,
                              vg_error *error)
{
    vg_status status = vg_weights_open(weights, parsed->count, error);
    for (size_t i = 0; status == VG_OK && i < parsed->count; i++) {
        const entry *from = &parsed->entries[i];
        vg_tensor *tensor = &(*weights)->tensors[i];
        status = vg_tensor_open(tensor, from->name, from->rank, from->shape, error);
        if (status == VG_OK) status = copy_values(tensor, data + from->begin, error);
    }
    if (status == VG_OK)
        memcpy((*weights)->origin, parsed->origin, sizeof parsed->origin);
    else
        vg_weights_close(weights);
    return status;
}

/* Where the header lies; what is not a safetensors file at all is refused here. */
static vg_status find_header(const unsigned char *data, size_t size, size_t *header_size,
                             vg_error *error)
{
    static const unsigned char hdf5_signature[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    if (size < LENGTH_BYTES)
        return vg_fail(error, VG_EFORMAT, "it ends after %zu bytes, before any header", size);
    if (memcmp(data, hdf5_signature, sizeof hdf5_signature) == 0)
        return vg_fail(error, VG_EFORMAT,
                       "it is HDF5, not safetensors: convert it with 'verger model import'");
    if (memcmp(data, "PK\003\004", 4) == 0)
        return vg_fail(
            error, VG_EFORMAT,
            "it is a zip archive, as PyTorch (.pth, .pt), Keras (.keras) and downloads "
            "are: take the .safetensors, or the .h5 of Keras with 'verger model import'");
    if (data[0] == 0x80 && data[1] >= 2 && data[1] <= 5)
        return vg_fail(
            error, VG_EFORMAT,
            "it is a pickle, as PyTorch wrote .pth before 1.6, which may run programs of "
            "strangers: take the .safetensors");
    if (data[0] == 0x08 && data[1] <= 15 && data[2] == 0x12)
        return vg_fail(error, VG_EFORMAT, "it is an ONNX model: take the .safetensors");
    if (memcmp(data, VG_PACKED_MAGIC, VG_PACKED_MAGIC_BYTES) == 0)
        return vg_fail(error, VG_EFORMAT,
                       "it is packed weights, which run but no longer say what they are: take "
                       "the safetensors file they were packed from");
    uint64_t length = little_endian(data, LENGTH_BYTES);
    if (length > size - LENGTH_BYTES || length > MAX_HEADER_BYTES)
        return vg_fail(error, VG_EFORMAT,
                       "it is no safetensors file, or it is cut off: its first bytes announce a "
                       "header of %" PRIu64 " bytes",
                       length);
    *header_size = (size_t)length;
    return VG_OK;
}

vg_status vg_weights_parse_safetensors(vg_weights **weights, const void *data, size_t size,
                                       vg_error *error)
{
    const unsigned char *bytes = data;
    size_t header_size = 0;
    header parsed = {0};
    *weights = NULL;

    vg_status status = find_header(bytes, size, &header_size, error);
    if (status != VG_OK) return status;
    const unsigned char *values = bytes + LENGTH_BYTES + header_size;
    status = parse_header((const char *)bytes + LENGTH_BYTES, header_size, &parsed, error);
    if (status == VG_OK) status = check_names(&parsed, error);
    if (status == VG_OK) status = check_offsets(&parsed, size - LENGTH_BYTES - header_size, error);
    if (status == VG_OK) status = copy_tensors(weights, &parsed, values, error);
    free(parsed.entries);
    return status;
}
