/* MobileNetV2 once more, written for the eye: dense tensors, float64, one loop
 * nest. What the packed and fused network is held against. */
#ifndef VG_TESTS_NETWORK_DENSE_NETWORK_H
#define VG_TESTS_NETWORK_DENSE_NETWORK_H

#include "model/model.h"

/* rgb: [224][224][3]; features: [VG_FEATURE_COUNT]. */
void dense_forward(const vg_weights *weights, const uint8_t *rgb, double *features);

#endif
