#include "run/pca_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

static const char kind[] = "verger pca";

enum { LENGTH_BYTES = 8, MAX_HEADER_BYTES = 1 << 20, MAX_DIMS = 1 << 14, MAX_FILE = 1 << 30 };

enum { COMPONENTS, MEAN, EXPLAINED, TENSORS };
static const char *const names[TENSORS] = {"components", "mean", "explained_variance"};

/* --- Writing ---------------------------------------------------------------------- */

static void put_uint64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) to[i] = (unsigned char)(value >> (8 * i));
}

static void put_doubles(FILE *out, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[8];
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        put_uint64(bytes, bits);
        fwrite(bytes, 1, sizeof bytes, out);
    }
}

static void put_header(FILE *out, const size_t *counts, int k, int dims, const vg_fact *facts,
                       size_t fact_count)
{
    size_t begin = 0;
    fprintf(out, "{\"__metadata__\": {\"kind\": \"%s\"", kind);
    for (size_t i = 0; i < fact_count; i++) {
        fputs(", ", out);
        vg_json_write_string(out, facts[i].key);
        fputs(": ", out);
        vg_json_write_string(out, facts[i].value);
    }
    fputc('}', out);
    for (int i = 0; i < TENSORS; i++) {
        size_t end = begin + 8 * counts[i];
        fprintf(out, ", \"%s\": {\"dtype\": \"F64\", \"shape\": [", names[i]);
        if (i == COMPONENTS) fprintf(out, "%d, ", k);
        fprintf(out, "%d], \"data_offsets\": [%zu, %zu]}", i == EXPLAINED ? k : dims, begin, end);
        begin = end;
    }
    fputc('}', out);
}

/* Its length, then the header, filled up so that the values lie at a multiple of eight. */
static vg_status put_all(FILE *out, const vg_pca *pca, const vg_moments *moments,
                         const vg_fact *facts, size_t fact_count, vg_error *error)
{
    int k = vg_pca_components(pca), dims = vg_pca_dims(pca);
    const size_t counts[TENSORS] = {(size_t)k * (size_t)dims, (size_t)dims, (size_t)k};
    unsigned char length[LENGTH_BYTES];
    char *header = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&header, &size);
    if (text == NULL) return vg_fail_memory(error, MAX_HEADER_BYTES);
    put_header(text, counts, k, dims, facts, fact_count);
    while (ftell(text) % 8 != 0) fputc(' ', text);
    bool failed = ferror(text) != 0;
    if (fclose(text) != 0 || failed) {
        free(header);
        return vg_fail_memory(error, MAX_HEADER_BYTES);
    }
    put_uint64(length, size);
    fwrite(length, 1, sizeof length, out);
    fwrite(header, 1, size, out);
    put_doubles(out, vg_pca_matrix(pca), counts[COMPONENTS]);
    put_doubles(out, vg_moments_mean(moments), counts[MEAN]);
    put_doubles(out, vg_pca_explained_variance(pca), counts[EXPLAINED]);
    free(header);
    return VG_OK;
}

vg_status vg_pca_file_write(vg_store *output, const char *path, const vg_pca *pca,
                            const vg_moments *moments, const vg_fact *facts, size_t fact_count,
                            vg_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);
    if (out == NULL) return vg_fail_memory(error, MAX_HEADER_BYTES);
    vg_status status = put_all(out, pca, moments, facts, fact_count, error);
    bool failed = ferror(out) != 0;
    if ((fclose(out) != 0 || failed) && status == VG_OK) status = vg_fail_memory(error, size);
    if (status == VG_OK) status = vg_store_write(output, path, bytes, size, error);
    free(bytes);
    return status;
}

/* --- Reading ------------------------------------------------------------------------ */

typedef struct tensor {
    uint64_t shape[2], begin, end;
    int rank;
    bool is_float64;
} tensor;

typedef struct header {
    tensor tensors[TENSORS], other; /* the last is one of a name that is not known */
    bool is_pca, centers, whitens;
} header;

static bool take_metadata(vg_json *json, header *parsed)
{
    if (!vg_json_take(json, '{')) return false;
    if (vg_json_take(json, '}')) return true;
    do {
        vg_json_string key, value;
        if (!vg_json_take_string(json, &key) || !vg_json_take(json, ':') ||
            !vg_json_take_string(json, &value))
            return false;
        if (vg_json_equal(key, "kind")) parsed->is_pca = vg_json_equal(value, kind);
        if (vg_json_equal(key, "center")) parsed->centers = vg_json_equal(value, "true");
        if (vg_json_equal(key, "whiten")) parsed->whitens = vg_json_equal(value, "true");
    } while (vg_json_take(json, ','));
    return vg_json_take(json, '}');
}

static bool take_shape(vg_json *json, tensor *parsed)
{
    if (!vg_json_take(json, '[')) return false;
    do {
        if (parsed->rank == 2 || !vg_json_take_number(json, &parsed->shape[parsed->rank++]))
            return false;
    } while (vg_json_take(json, ','));
    return vg_json_take(json, ']');
}

static bool take_field(vg_json *json, tensor *parsed)
{
    vg_json_string key, value;
    if (!vg_json_take_string(json, &key) || !vg_json_take(json, ':')) return false;
    if (vg_json_equal(key, "shape")) return take_shape(json, parsed);
    if (vg_json_equal(key, "dtype")) {
        if (!vg_json_take_string(json, &value)) return false;
        parsed->is_float64 = vg_json_equal(value, "F64");
        return true;
    }
    return vg_json_equal(key, "data_offsets") && vg_json_take(json, '[') &&
           vg_json_take_number(json, &parsed->begin) && vg_json_take(json, ',') &&
           vg_json_take_number(json, &parsed->end) && vg_json_take(json, ']');
}

static bool take_tensor(vg_json *json, tensor *parsed)
{
    *parsed = (tensor){0};
    if (!vg_json_take(json, '{')) return false;
    do {
        if (!take_field(json, parsed)) return false;
    } while (vg_json_take(json, ','));
    return vg_json_take(json, '}');
}

static bool take_header(vg_json *json, header *parsed)
{
    if (!vg_json_take(json, '{')) return false;
    do {
        vg_json_string name;
        if (!vg_json_take_string(json, &name) || !vg_json_take(json, ':')) return false;
        bool is_metadata = vg_json_equal(name, "__metadata__");
        tensor *to = &parsed->other;
        for (int i = 0; i < TENSORS; i++)
            if (vg_json_equal(name, names[i])) to = &parsed->tensors[i];
        if (is_metadata ? !take_metadata(json, parsed) : !take_tensor(json, to)) return false;
    } while (vg_json_take(json, ','));
    return vg_json_take(json, '}') && vg_json_at_end(json);
}

/* Whether the tensor has that shape and its values are there. */
static bool fits(const tensor *one, int rank, uint64_t count, size_t size)
{
    return one->is_float64 && one->rank == rank && one->begin <= one->end && one->end <= size &&
           one->end - one->begin == 8 * count;
}

static double *copy_doubles(const unsigned char *from, size_t count)
{
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++) {
        uint64_t bits = 0;
        for (int j = 0; j < 8; j++) bits |= (uint64_t)from[8 * i + (size_t)j] << (8 * j);
        memcpy(&values[i], &bits, sizeof bits);
    }
    return values;
}

static vg_status open_values(vg_kept_pca *kept, const header *parsed, const unsigned char *values,
                             vg_error *error)
{
    const tensor *mean = &parsed->tensors[MEAN];
    const tensor *components = &parsed->tensors[COMPONENTS];
    size_t k = (size_t)components->shape[0], dims = (size_t)components->shape[1];
    double *matrix = copy_doubles(values + components->begin, k * dims);
    double *explained = copy_doubles(values + parsed->tensors[EXPLAINED].begin, k);
    bool has_mean = mean->rank > 0;
    if (has_mean) kept->mean = copy_doubles(values + mean->begin, dims);
    kept->centers = parsed->centers;
    kept->whitens = parsed->whitens;
    vg_status status = matrix != NULL && explained != NULL && (!has_mean || kept->mean != NULL)
                           ? vg_pca_open(&kept->pca, (int)dims, (int)k, matrix, explained, error)
                           : vg_fail_memory(error, k * dims * sizeof *matrix);
    free(matrix);
    free(explained);
    return status == VG_EINVAL ? VG_EFORMAT : status;
}

void vg_kept_pca_close(vg_kept_pca *kept)
{
    vg_pca_close(&kept->pca);
    free(kept->mean);
    *kept = (vg_kept_pca){0};
}

vg_status vg_pca_file_parse(vg_kept_pca *kept, const unsigned char *bytes, size_t size,
                            vg_error *error)
{
    uint64_t length = 0;
    header parsed = {0};
    *kept = (vg_kept_pca){0};
    for (int i = 0; i < LENGTH_BYTES && size >= LENGTH_BYTES; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    if (size < LENGTH_BYTES || length > MAX_HEADER_BYTES || length > size - LENGTH_BYTES)
        return vg_fail(error, VG_EFORMAT, "it is no safetensors file");
    const char *text = (const char *)bytes + LENGTH_BYTES;
    vg_json json = {.next = text, .end = text + length};
    if (!take_header(&json, &parsed))
        return vg_fail(error, VG_EFORMAT, "its header is damaged, or of something else");
    if (!parsed.is_pca)
        return vg_fail(error, VG_EFORMAT, "its metadata do not say that it is a PCA of verger");
    const tensor *components = &parsed.tensors[COMPONENTS];
    uint64_t k = components->shape[0], dims = components->shape[1];
    size_t rest = size - LENGTH_BYTES - (size_t)length;
    if (k == 0 || dims == 0 || k > dims || dims > MAX_DIMS ||
        !fits(components, 2, k * dims, rest) || !fits(&parsed.tensors[EXPLAINED], 1, k, rest))
        return vg_fail(error, VG_EFORMAT, "its components or their variances are damaged");
    const tensor *mean = &parsed.tensors[MEAN];
    if ((mean->rank > 0 && (mean->shape[0] != dims || !fits(mean, 1, dims, rest))) ||
        (mean->rank == 0 && parsed.centers))
        return vg_fail(error, VG_EFORMAT, "its mean is damaged, or is not there");
    vg_status status = open_values(kept, &parsed, bytes + LENGTH_BYTES + length, error);
    if (status != VG_OK) vg_kept_pca_close(kept);
    return status;
}

static vg_status read_all(unsigned char **bytes, size_t *size, FILE *file, vg_error *error)
{
    size_t capacity = 1 << 16;
    *bytes = NULL;
    *size = 0;
    for (;;) {
        unsigned char *longer = realloc(*bytes, capacity);
        if (longer == NULL) return vg_fail_memory(error, capacity);
        *bytes = longer;
        *size += fread(longer + *size, 1, capacity - *size, file);
        if (ferror(file)) return vg_fail(error, VG_EIO, "it cannot be read: %s", strerror(errno));
        if (*size < capacity) return VG_OK;
        if (capacity >= MAX_FILE) return vg_fail(error, VG_EFORMAT, "it is too large for a PCA");
        capacity *= 2;
    }
}

vg_status vg_pca_file_read(vg_kept_pca *kept, const char *path, vg_error *error)
{
    unsigned char *bytes = NULL;
    size_t size;
    *kept = (vg_kept_pca){0};
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO, "%s cannot be opened: %s",
                       path, strerror(errno));
    vg_status status = read_all(&bytes, &size, file, error);
    if (status == VG_OK) status = vg_pca_file_parse(kept, bytes, size, error);
    fclose(file);
    free(bytes);
    return status == VG_OK ? VG_OK : vg_fail_prefix(error, status, "the PCA %s", path);
}
