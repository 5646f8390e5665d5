/* From scores to classes with probabilities, and how good those are. */
#ifndef VG_CLASSIFY_PREDICTIONS_H
#define VG_CLASSIFY_PREDICTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verger/verger.h"

enum { VG_TOP_CLASSES = 5, VG_CALIBRATION_BINS = 15 };

/* The likeliest classes, of equal ones the first; -1 past those with a probability. */
typedef struct vg_prediction {
    int32_t classes[VG_TOP_CLASSES];
    float probabilities[VG_TOP_CLASSES];
    double probability; /* of the first */
} vg_prediction;

/* Of rows whose class is known and was trained on. */
typedef struct vg_figures {
    uint64_t images, correct;
    double accuracy;
    double log_loss;          /* mean; probabilities count as 1e-15 at least */
    double brier;             /* mean over rows of the squared errors of all classes */
    double calibration_error; /* in 15 bins of equal width, Guo et al. 2017 */
} vg_figures;

/* What figures are counted from; starts as {0}. */
typedef struct vg_tally {
    uint64_t images, correct;
    double log_loss, brier;
    double sums[VG_CALIBRATION_BINS]; /* of the first probabilities */
    uint64_t counts[VG_CALIBRATION_BINS], hits[VG_CALIBRATION_BINS];
} vg_tally;

/* Scores [classes] by the temperature to probabilities [classes] that sum to 1. */
void vg_probabilities(const float *scores, int classes, double temperature, double *probabilities);
void vg_take_top(const double *probabilities, int classes, vg_prediction *prediction);
void vg_tally_add(vg_tally *tally, const double *probabilities, int classes,
                  const vg_prediction *prediction, int32_t label);
vg_figures vg_tally_figures(const vg_tally *tally);

/* The temperature, 1/64 to 64, under which scores [n][classes] make the given labels likeliest:
 * Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks". Rows whose
 * label is below 0 are left out; 1 where none is left. */
double vg_fit_temperature(const float *scores, size_t n, int classes, const int32_t *labels);

#endif
