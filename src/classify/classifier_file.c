#include "classify/classifier_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/new_file.h"
#include "classify/sensor_tensors.h"

static const char kind[] = "verger classifier";

enum { MAX_FILE = 1 << 30, NUMBER_CHARS = 40 };

void vg_classifier_close(vg_classifier *classifier)
{
    vg_linear_model_close(&classifier->model);
    vg_novelty_close(&classifier->novelty);
    vg_sensor_columns_close(&classifier->sensors);
    vg_paths_free(&classifier->labels);
    *classifier = (vg_classifier){0};
}

/* --- Writing --------------------------------------------------------------------------- */

/* The classes that were trained on, packed. */
typedef struct packed {
    double *weights, *bias, *mean;
    char *labels;
    size_t classes, label_bytes;
} packed;

static void free_packed(packed *values)
{
    free(values->weights);
    free(values->bias);
    free(values->mean);
    free(values->labels);
}

static vg_status pack(packed *values, const vg_classifier *classifier, vg_error *error)
{
    const vg_linear_model *model = &classifier->model;
    size_t dims = (size_t)model->dims, classes = (size_t)model->classes, bytes = 0;
    for (size_t c = 0; c < classes; c++) bytes += strlen(classifier->labels.items[c].text) + 1;
    *values = (packed){.weights = vg_alloc_aligned(classes * dims, sizeof(double)),
                       .bias = vg_alloc_aligned(classes, sizeof(double)),
                       .mean = vg_alloc_aligned(dims, sizeof(double)),
                       .labels = malloc(bytes)};
    if (values->weights == NULL || values->bias == NULL || values->mean == NULL ||
        values->labels == NULL)
        return vg_fail_memory(error, classes * dims * sizeof(double));
    for (size_t d = 0; d < dims; d++) values->mean[d] = (double)model->mean[d];
    for (size_t c = 0; c < classes; c++) {
        const char *label = classifier->labels.items[c].text;
        if (isinf(model->bias[c])) continue;
        memcpy(values->weights + values->classes * dims, model->weights + c * dims,
               dims * sizeof(double));
        values->bias[values->classes++] = model->bias[c];
        memcpy(values->labels + values->label_bytes, label, strlen(label) + 1);
        values->label_bytes += strlen(label) + 1;
    }
    return VG_OK;
}

static vg_status format(char **bytes, size_t *size, const vg_classifier *classifier,
                        const packed *values, const vg_sensor_tensors *sensors, uint64_t images,
                        vg_error *error)
{
    enum { ALWAYS = 4, OF_NOVELTY = 2 };
    const vg_linear_model *model = &classifier->model;
    const vg_novelty *novelty = &classifier->novelty;
    bool has_novelty = novelty->classes > 0;
    size_t dims = (size_t)model->dims;
    vg_file_tensor tensors[ALWAYS + OF_NOVELTY + VG_SENSOR_TENSORS] = {
        {"weights", VG_TENSOR_F64, 2, {values->classes, dims}, values->weights},
        {"bias", VG_TENSOR_F64, 1, {values->classes}, values->bias},
        {"mean", VG_TENSOR_F64, 1, {dims}, values->mean},
        {"labels", VG_TENSOR_U8, 1, {values->label_bytes}, values->labels},
        {"whitening", VG_TENSOR_F32, 2, {dims, dims}, novelty->whitening},
        {"centres", VG_TENSOR_F32, 2, {(size_t)novelty->classes, dims}, novelty->centres}};
    char unknown_above[NUMBER_CHARS], temperature[NUMBER_CHARS], c[NUMBER_CHARS],
        shrinkage[NUMBER_CHARS], count[NUMBER_CHARS];
    snprintf(unknown_above, sizeof unknown_above, "%.17g", novelty->limit);
    snprintf(temperature, sizeof temperature, "%.17g", model->temperature);
    snprintf(c, sizeof c, "%g", model->c);
    snprintf(shrinkage, sizeof shrinkage, "%.17g", model->shrinkage);
    snprintf(count, sizeof count, "%llu", (unsigned long long)images);
    bool is_lda = strcmp(classifier->method, "lda") == 0;
    enum { OF_ALL = 10 };
    vg_fact facts[OF_ALL + 2] = {{"kind", kind},
                                 {"method", classifier->method},
                                 {is_lda ? "shrinkage" : "c", is_lda ? shrinkage : c},
                                 {"temperature", temperature},
                                 {"space", classifier->space},
                                 {"features_model", classifier->features_model},
                                 {"normalize", classifier->form.normalize ? "true" : "false"},
                                 {"dtype", classifier->form.float16 ? "float16" : "float32"},
                                 {"images", count},
                                 {"verger_version", vg_version()}};
    size_t tensor_count = has_novelty ? ALWAYS + OF_NOVELTY : ALWAYS;
    size_t fact_count = OF_ALL;
    if (classifier->components[0] != '\0')
        facts[fact_count++] = (vg_fact){"components_sha256", classifier->components};
    if (has_novelty) facts[fact_count++] = (vg_fact){"unknown_above", unknown_above};
    for (size_t i = 0; i < sensors->count; i++) tensors[tensor_count++] = sensors->tensors[i];
    return vg_tensor_file_format(bytes, size, tensors, tensor_count, facts, fact_count, error);
}

vg_status vg_classifier_write(const vg_classifier *classifier, const char *path, uint64_t images,
                              vg_error *error)
{
    packed values = {0};
    vg_sensor_tensors sensors;
    char *bytes = NULL;
    size_t size = 0;
    vg_new_file file;
    vg_status status = vg_sensor_tensors_open(&sensors, &classifier->sensors, error);
    if (status == VG_OK) status = pack(&values, classifier, error);
    if (status == VG_OK)
        status = format(&bytes, &size, classifier, &values, &sensors, images, error);
    if (status == VG_OK) status = vg_new_file_open(&file, path, error);
    if (status == VG_OK) {
        int is_written = fwrite(bytes, 1, size, file.stream) == size;
        status = vg_new_file_close(&file, is_written, error);
    }
    free(bytes);
    free_packed(&values);
    vg_sensor_tensors_close(&sensors);
    return status;
}

/* --- Reading ------------------------------------------------------------------------------- */

static vg_status take_labels(vg_classifier *classifier, const vg_tensor_file *file, vg_error *error)
{
    const char *bytes;
    size_t size;
    vg_status status = vg_tensor_file_bytes(file, "labels", &bytes, &size, error);
    if (status != VG_OK) return status;
    if (bytes[size - 1] != '\0') return vg_fail(error, VG_EFORMAT, "its labels have no end");
    for (size_t at = 0; at < size && status == VG_OK; at += strlen(bytes + at) + 1)
        status = vg_paths_add(&classifier->labels, bytes + at, strlen(bytes + at), error);
    const vg_path *items = classifier->labels.items;
    for (size_t i = 1; i < classifier->labels.count && status == VG_OK; i++)
        if (strcmp(items[i - 1].text, items[i].text) >= 0)
            status = vg_fail(error, VG_EFORMAT, "its labels are not in order");
    return status;
}

/* A fact that has to be a number above 0. */
static vg_status take_number(double *number, const vg_tensor_file *file, const char *key,
                             vg_error *error)
{
    const char *text = vg_tensor_file_fact(file, key);
    char *end = NULL;
    *number = text != NULL ? strtod(text, &end) : 0.0;
    if (text != NULL && end != text && *end == '\0' && isfinite(*number) && *number > 0.0)
        return VG_OK;
    return vg_fail(error, VG_EFORMAT, "its %s is no number above 0", key);
}

static void copy_fact(char *to, size_t size, const vg_tensor_file *file, const char *key)
{
    const char *text = vg_tensor_file_fact(file, key);
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static bool is_fact(const vg_tensor_file *file, const char *key, const char *value)
{
    const char *text = vg_tensor_file_fact(file, key);
    return text != NULL && strcmp(text, value) == 0;
}

static vg_status take_weights(vg_linear_model *model, const vg_tensor_file *file, vg_error *error)
{
    size_t shape[2], classes = 0, dims = 0;
    double *mean = NULL;
    vg_status status = vg_tensor_file_doubles(file, "weights", 2, shape, &model->weights, error);
    if (status == VG_OK)
        status = vg_tensor_file_doubles(file, "bias", 1, &classes, &model->bias, error);
    if (status == VG_OK) status = vg_tensor_file_doubles(file, "mean", 1, &dims, &mean, error);
    if (status == VG_OK && (shape[0] != classes || shape[1] != dims || classes < 2 ||
                            classes > VG_MOST_CLASSES || dims > 1 << 14))
        status = vg_fail(error, VG_EFORMAT, "its weights, bias and mean do not fit one another");
    if (status == VG_OK) {
        model->classes = (int)classes;
        model->dims = (int)dims;
        model->mean = vg_alloc_aligned(dims, sizeof(float));
        if (model->mean == NULL) status = vg_fail_memory(error, dims * sizeof(float));
    }
    for (size_t d = 0; d < dims && status == VG_OK; d++) model->mean[d] = (float)mean[d];
    for (size_t i = 0; i < classes * dims && status == VG_OK; i++)
        if (!isfinite(model->weights[i]) || !isfinite(model->bias[i / dims]) ||
            !isfinite(model->mean[i % dims]))
            status = vg_fail(error, VG_EFORMAT, "it has a number that is not finite");
    free(mean);
    return status;
}

/* Classifiers of before, and those without folds, have none. */
static vg_status take_novelty(vg_classifier *classifier, const vg_tensor_file *file,
                              vg_error *error)
{
    vg_novelty *novelty = &classifier->novelty;
    size_t square[2] = {0, 0}, shape[2] = {0, 0}, dims = (size_t)classifier->model.dims;
    if (vg_tensor_file_fact(file, "unknown_above") == NULL) return VG_OK;
    vg_status status = take_number(&novelty->limit, file, "unknown_above", error);
    if (status == VG_OK)
        status = vg_tensor_file_floats(file, "whitening", 2, square, &novelty->whitening, error);
    if (status == VG_OK)
        status = vg_tensor_file_floats(file, "centres", 2, shape, &novelty->centres, error);
    if (status == VG_OK &&
        (square[0] != dims || square[1] != dims || shape[1] != dims || shape[0] > VG_MOST_CLASSES))
        status = vg_fail(error, VG_EFORMAT, "its whitening and centres do not fit its weights");
    for (size_t i = 0; i < dims * dims && status == VG_OK; i++)
        if (!isfinite(novelty->whitening[i]))
            status = vg_fail(error, VG_EFORMAT, "its whitening has a number that is not finite");
    for (size_t i = 0; i < shape[0] * dims && status == VG_OK; i++)
        if (!isfinite(novelty->centres[i]))
            status = vg_fail(error, VG_EFORMAT, "a centre has a number that is not finite");
    novelty->dims = (int)dims;
    novelty->classes = status == VG_OK ? (int)shape[0] : 0;
    return status;
}

vg_status vg_classifier_parse(vg_classifier *classifier, char *bytes, size_t size, vg_error *error)
{
    vg_tensor_file file = {0};
    *classifier = (vg_classifier){0};
    vg_status status = vg_tensor_file_parse(&file, bytes, size, error);
    if (status != VG_OK) return status;
    if (!is_fact(&file, "kind", kind))
        status =
            vg_fail(error, VG_EFORMAT, "its metadata do not say that it is a classifier of verger");
    if (status == VG_OK) status = take_weights(&classifier->model, &file, error);
    if (status == VG_OK) status = take_labels(classifier, &file, error);
    if (status == VG_OK)
        status = take_number(&classifier->model.temperature, &file, "temperature", error);
    if (status == VG_OK && classifier->labels.count != (size_t)classifier->model.classes)
        status = vg_fail(error, VG_EFORMAT, "it has %zu labels for %d classes",
                         classifier->labels.count, classifier->model.classes);
    if (status == VG_OK) status = take_novelty(classifier, &file, error);
    if (status == VG_OK) status = vg_sensor_tensors_read(&classifier->sensors, &file, error);
    if (status == VG_OK && classifier->sensors.dims >= classifier->model.dims &&
        classifier->sensors.count > 0)
        status = vg_fail(error, VG_EFORMAT, "it has columns of another table and no features");
    copy_fact(classifier->features_model, sizeof classifier->features_model, &file,
              "features_model");
    copy_fact(classifier->components, sizeof classifier->components, &file, "components_sha256");
    classifier->form.normalize = is_fact(&file, "normalize", "true");
    classifier->form.float16 = is_fact(&file, "dtype", "float16");
    copy_fact(classifier->space, sizeof classifier->space, &file, "space");
    copy_fact(classifier->method, sizeof classifier->method, &file, "method");
    vg_tensor_file_close(&file);
    if (status != VG_OK) vg_classifier_close(classifier);
    return status;
}

static vg_status read_all(FILE *file, char **bytes, size_t *size, vg_error *error)
{
    size_t capacity = 0;
    for (*size = 0;;) {
        char *more = vg_grow(*bytes, &capacity, 1);
        if (more == NULL) return vg_fail_memory(error, capacity);
        *bytes = more;
        *size += fread(more + *size, 1, capacity - *size, file);
        if (ferror(file)) return vg_fail(error, VG_EIO, "it cannot be read: %s", strerror(errno));
        if (*size < capacity) return VG_OK;
        if (capacity >= MAX_FILE) return vg_fail(error, VG_EFORMAT, "it is too large");
    }
}

vg_status vg_classifier_read(vg_classifier *classifier, const char *path, vg_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    *classifier = (vg_classifier){0};
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO,
                       "cannot open the classifier %s: %s", path, strerror(errno));
    vg_status status = read_all(file, &bytes, &size, error);
    fclose(file);
    if (status != VG_OK)
        free(bytes);
    else
        status = vg_classifier_parse(classifier, bytes, size, error);
    if (status == VG_OK) return status;
    return vg_fail_prefix(error, status, "%s cannot be used as a classifier", path);
}
