#include "classify/predictions.h"

#include <math.h>

#include "base/elementary.h"

static double largest_of(const float *scores, int classes)
{
    double largest = (double)scores[0];
    for (int c = 1; c < classes; c++)
        if ((double)scores[c] > largest) largest = (double)scores[c];
    return largest;
}

void vg_probabilities(const float *scores, int classes, double temperature, double *probabilities)
{
    double largest = largest_of(scores, classes), sum = 0.0;
    for (int c = 0; c < classes; c++) {
        probabilities[c] = vg_exp_negative(((double)scores[c] - largest) / temperature);
        sum += probabilities[c];
    }
    for (int c = 0; c < classes; c++) probabilities[c] /= sum;
}

void vg_take_top(const double *probabilities, int classes, vg_prediction *prediction)
{
    for (int i = 0; i < VG_TOP_CLASSES; i++) {
        prediction->classes[i] = -1;
        prediction->probabilities[i] = 0.0F;
    }
    double taken[VG_TOP_CLASSES] = {0.0};
    for (int c = 0; c < classes; c++) {
        int place = VG_TOP_CLASSES;
        while (place > 0 && probabilities[c] > taken[place - 1]) place--;
        if (place == VG_TOP_CLASSES) continue;
        for (int i = VG_TOP_CLASSES - 1; i > place; i--) {
            taken[i] = taken[i - 1];
            prediction->classes[i] = prediction->classes[i - 1];
        }
        taken[place] = probabilities[c];
        prediction->classes[place] = c;
    }
    for (int i = 0; i < VG_TOP_CLASSES; i++) prediction->probabilities[i] = (float)taken[i];
    prediction->probability = taken[0];
}

/* --- Figures ---------------------------------------------------------------------------- */

void vg_tally_add(vg_tally *tally, const double *probabilities, int classes,
                  const vg_prediction *prediction, int32_t label)
{
    double first = prediction->probability;
    int bin = (int)ceil(first * VG_CALIBRATION_BINS) - 1;
    if (bin < 0) bin = 0;
    if (bin >= VG_CALIBRATION_BINS) bin = VG_CALIBRATION_BINS - 1;
    bool is_correct = prediction->classes[0] == label;
    tally->images++;
    tally->correct += is_correct;
    tally->counts[bin]++;
    tally->hits[bin] += is_correct;
    tally->sums[bin] += first;
    tally->log_loss -= vg_logarithm(fmax(probabilities[label], 1e-15));
    for (int c = 0; c < classes; c++) {
        double error = probabilities[c] - (c == label ? 1.0 : 0.0);
        tally->brier += error * error;
    }
}

vg_figures vg_tally_figures(const vg_tally *tally)
{
    double n = (double)tally->images, gap = 0.0;
    if (tally->images == 0) return (vg_figures){0};
    for (int b = 0; b < VG_CALIBRATION_BINS; b++)
        gap += fabs((double)tally->hits[b] - tally->sums[b]);
    return (vg_figures){.images = tally->images,
                        .correct = tally->correct,
                        .accuracy = (double)tally->correct / n,
                        .log_loss = tally->log_loss / n,
                        .brier = tally->brier / n,
                        .calibration_error = gap / n};
}

/* --- Temperature -------------------------------------------------------------------------- */

/* The slope of the loss in the inverse of the temperature: how much larger the score is that is
 * expected than the label's. It grows with the inverse. */
static double slope(const float *scores, size_t n, int classes, const int32_t *labels,
                    double inverse)
{
    double total = 0.0;
    for (size_t i = 0; i < n; i++, scores += classes) {
        if (labels[i] < 0) continue;
        double largest = largest_of(scores, classes), sum = 0.0, expected = 0.0;
        for (int c = 0; c < classes; c++) {
            double below = (double)scores[c] - largest;
            double power = vg_exp_negative(below * inverse);
            sum += power;
            if (power > 0.0) expected += power * below;
        }
        total += expected / sum - ((double)scores[labels[i]] - largest);
    }
    return total;
}

double vg_fit_temperature(const float *scores, size_t n, int classes, const int32_t *labels)
{
    enum { BISECTIONS = 24 }; /* to six digits */
    double low = 1.0 / 64.0, high = 64.0;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) used += labels[i] >= 0;
    if (used == 0) return 1.0;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = sqrt(low * high);
        if (slope(scores, n, classes, labels, middle) < 0.0)
            low = middle;
        else
            high = middle;
    }
    return 1.0 / sqrt(low * high);
}
