#include "classify/predict_images.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/usable_cpus.h"
#include "classify/classifier_file.h"
#include "explore/features_model.h"
#include "explore/query_images.h"
#include "learn/linear_scores.h"

struct vg_image_predictor {
    vg_classifier classifier;
    vg_query_images *images;
    vg_kernels kernels;
    vg_linear_scores scores;
    float *room;            /* of vg_linear_scores_block */
    float *row;             /* [VG_FEATURE_COUNT] */
    float *row_scores;      /* [classes] */
    double *probabilities;  /* [classes] */
    vg_novelty_gauge gauge; /* of a novelty that there is */
    float *gauge_room;      /* of vg_novelty_block */
};

/* --- Open and close ---------------------------------------------------------------------- */

/* Classifiers of others' features, which nobody names, are taken on trust. */
static vg_status check_model(const vg_classifier *classifier,
                             const vg_image_predictor_options *options, vg_error *error)
{
    char given[VG_MODEL_NAME_CHARS];
    if (classifier->features_model[0] == '\0') return VG_OK;
    vg_status status = vg_source_model(given, options->model_source, error);
    if (status != VG_OK || strcmp(given, classifier->features_model) == 0) return status;
    return vg_fail(error, VG_EINVAL,
                   "%s was trained on features of the weights %.12s, another network than %s: give "
                   "those with --model",
                   options->classifier, classifier->features_model, options->model_source);
}

static vg_status check_classifier(const vg_classifier *classifier,
                                  const vg_image_predictor_options *options, vg_error *error)
{
    if (strcmp(classifier->space, "pca") == 0)
        return vg_fail(error, VG_EINVAL,
                       "%s was trained on components (--space pca), which new images do not have: "
                       "train one on features",
                       options->classifier);
    if (classifier->sensors.count > 0)
        return vg_fail(
            error, VG_EINVAL,
            "%s was trained with columns of another table, %s%s, which an image does not "
            "have: use 'verger classify predict --join' after a run",
            options->classifier, classifier->sensors.items[0].name,
            classifier->sensors.count > 1 ? ", ..." : "");
    if (classifier->model.dims != VG_FEATURE_COUNT)
        return vg_fail(error, VG_EINVAL, "%s was trained on rows of %d numbers, an image gives %d",
                       options->classifier, classifier->model.dims, VG_FEATURE_COUNT);
    return options->model_source != NULL ? check_model(classifier, options, error) : VG_OK;
}

static vg_status open_images(vg_image_predictor *predictor,
                             const vg_image_predictor_options *options, vg_error *error)
{
    const vg_query_images_options of_images = {.model_source = options->model_source,
                                               .form = predictor->classifier.form,
                                               .max_file_size = options->max_file_size,
                                               .threads = options->threads > 0 ? options->threads
                                                                               : vg_usable_cpus()};
    return vg_query_images_open(&predictor->images, &of_images, error);
}

static vg_status open_gauge(vg_image_predictor *predictor, vg_error *error)
{
    if (predictor->classifier.novelty.classes == 0) return VG_OK;
    vg_status status = vg_novelty_gauge_open(&predictor->gauge, &predictor->classifier.novelty,
                                             &predictor->kernels, error);
    if (status != VG_OK) return status;
    size_t room = vg_novelty_room(&predictor->gauge);
    predictor->gauge_room = vg_alloc_aligned(room, sizeof(float));
    return predictor->gauge_room != NULL ? VG_OK : vg_fail_memory(error, room * sizeof(float));
}

static vg_status open_scores(vg_image_predictor *predictor, vg_error *error)
{
    const vg_linear_model *model = &predictor->classifier.model;
    size_t classes = (size_t)model->classes;
    vg_status status = vg_kernels_choose(&predictor->kernels, NULL, error);
    if (status == VG_OK)
        status = vg_linear_scores_open(&predictor->scores, &predictor->kernels, model->dims,
                                       model->classes, error);
    if (status != VG_OK) return status;
    vg_linear_scores_set(&predictor->scores, model->weights, model->bias);
    size_t room = vg_linear_scores_room(&predictor->scores);
    predictor->room = vg_alloc_aligned(room, sizeof(float));
    predictor->row = vg_alloc_aligned(VG_FEATURE_COUNT, sizeof(float));
    predictor->row_scores = vg_alloc_aligned(classes, sizeof(float));
    predictor->probabilities = vg_alloc_aligned(classes, sizeof(double));
    if (predictor->room != NULL && predictor->row != NULL && predictor->row_scores != NULL &&
        predictor->probabilities != NULL)
        return VG_OK;
    return vg_fail_memory(error, room * sizeof(float));
}

vg_status vg_image_predictor_open(vg_image_predictor **predictor,
                                  const vg_image_predictor_options *options, vg_error *error)
{
    *predictor = NULL;
    vg_image_predictor *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    vg_status status = vg_classifier_read(&opened->classifier, options->classifier, error);
    if (status == VG_OK) status = check_classifier(&opened->classifier, options, error);
    if (status == VG_OK) status = open_images(opened, options, error);
    if (status == VG_OK) status = open_scores(opened, error);
    if (status == VG_OK) status = open_gauge(opened, error);
    if (status != VG_OK) vg_image_predictor_close(&opened);
    *predictor = opened;
    return status;
}

void vg_image_predictor_close(vg_image_predictor **predictor)
{
    if (*predictor == NULL) return;
    vg_linear_scores_close(&(*predictor)->scores);
    vg_novelty_gauge_close(&(*predictor)->gauge);
    free((*predictor)->gauge_room);
    vg_query_images_close(&(*predictor)->images);
    vg_classifier_close(&(*predictor)->classifier);
    free((*predictor)->room);
    free((*predictor)->row);
    free((*predictor)->row_scores);
    free((*predictor)->probabilities);
    free(*predictor);
    *predictor = NULL;
}

/* --- Images --------------------------------------------------------------------------------- */

/* What the classifier says of the row. */
static void classify_row(vg_image_predictor *predictor, vg_image_answer *answer)
{
    const vg_linear_model *model = &predictor->classifier.model;
    const size_t first = 0;
    const vg_picked_rows rows = {.values = predictor->row,
                                 .picks = &first,
                                 .count = 1,
                                 .dims = model->dims,
                                 .mean = model->mean};
    vg_linear_scores_block(&predictor->scores, &rows, 0, predictor->room, predictor->row_scores);
    vg_probabilities(predictor->row_scores, model->classes, model->temperature,
                     predictor->probabilities);
    vg_take_top(predictor->probabilities, model->classes, &answer->prediction);
    answer->is_unknown = false;
    if (predictor->classifier.novelty.classes == 0) return;
    double distance;
    vg_novelty_block(&predictor->gauge, &rows, 0, predictor->gauge_room, &distance);
    answer->is_unknown = vg_is_unknown(distance, predictor->classifier.novelty.limit);
}

vg_status vg_image_predictor_predict(vg_image_predictor *predictor, vg_store *store,
                                     const char *path, vg_image_answer *answer, vg_error *error)
{
    vg_status status =
        store != NULL
            ? vg_query_images_read_stored(predictor->images, store, path, predictor->row, error)
            : vg_query_images_read(predictor->images, path, predictor->row, error);
    if (status == VG_OK) classify_row(predictor, answer);
    return status;
}

vg_status vg_image_predictor_predict_bytes(vg_image_predictor *predictor, const void *bytes,
                                           size_t size, const char *name, vg_image_answer *answer,
                                           vg_error *error)
{
    vg_status status =
        vg_query_images_read_bytes(predictor->images, bytes, size, name, predictor->row, error);
    if (status == VG_OK) classify_row(predictor, answer);
    return status;
}

vg_status vg_image_predictor_predict_pixels(vg_image_predictor *predictor, const vg_image *pixels,
                                            vg_image_answer *answer, vg_error *error)
{
    vg_status status =
        vg_query_images_read_pixels(predictor->images, pixels, predictor->row, error);
    if (status == VG_OK) classify_row(predictor, answer);
    return status;
}

bool vg_image_predictor_knows_unknown(const vg_image_predictor *predictor)
{
    return predictor->classifier.novelty.classes > 0;
}

const char *vg_image_predictor_label(const vg_image_predictor *predictor, int32_t class_number)
{
    assert(class_number >= 0 && class_number < predictor->classifier.model.classes);
    return predictor->classifier.labels.items[class_number].text;
}
