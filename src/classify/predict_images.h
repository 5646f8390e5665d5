/* The classes of new images, by a classifier and the network that its features come from. */
#ifndef VG_CLASSIFY_PREDICT_IMAGES_H
#define VG_CLASSIFY_PREDICT_IMAGES_H

#include "classify/predictions.h"
#include "io/io.h"

typedef struct vg_image_predictor vg_image_predictor;

typedef struct vg_image_predictor_options {
    const char *classifier;   /* a file of vg_classifier_write */
    const char *model_source; /* of vg_model_open; NULL where there is none */
    uint64_t max_file_size;   /* bytes of an image */
    int threads;              /* that work together on each image; 0 is one a CPU */
} vg_image_predictor_options;

typedef struct vg_image_answer {
    vg_prediction prediction;
    bool is_unknown; /* it is unlike all that was trained on */
} vg_image_answer;

/* VG_EINVAL where images do not give the rows that the classifier was trained on: components,
 * or features of other weights. Keeps none of the options' texts but the source. */
vg_status vg_image_predictor_open(vg_image_predictor **predictor,
                                  const vg_image_predictor_options *options, vg_error *error);
void vg_image_predictor_close(vg_image_predictor **predictor);

/* Of the image file `path`: of the store, or by its own name where store is NULL. The same bits
 * as by vg_classify_predict of the image's features. VG_ESTORE is what other images would meet
 * too. */
vg_status vg_image_predictor_predict(vg_image_predictor *predictor, vg_store *store,
                                     const char *path, vg_image_answer *answer, vg_error *error);
/* The same of an image file that is in memory, and of pixels. */
vg_status vg_image_predictor_predict_bytes(vg_image_predictor *predictor, const void *bytes,
                                           size_t size, const char *name, vg_image_answer *answer,
                                           vg_error *error);
vg_status vg_image_predictor_predict_pixels(vg_image_predictor *predictor, const vg_image *pixels,
                                            vg_image_answer *answer, vg_error *error);

/* Whether the classifier knows what images are unlike all that it was trained on. */
bool vg_image_predictor_knows_unknown(const vg_image_predictor *predictor);

/* The name of a prediction's class; lives as long as the predictor. */
const char *vg_image_predictor_label(const vg_image_predictor *predictor, int32_t class_number);

#endif
