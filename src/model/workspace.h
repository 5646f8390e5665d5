/* The buffers of a forward pass. */
#ifndef VG_MODEL_WORKSPACE_H
#define VG_MODEL_WORKSPACE_H

#include "base/team.h"
#include "model/network.h"

enum {
    VG_RGB_ROW = VG_IMAGE_SIZE * 3,
    VG_INPUT_ROW = VG_RGB_ROW + 3, /* one pixel of padding on the right */
    VG_STEM_SIZE = VG_IMAGE_SIZE / 2,
    VG_HEAD_PIXELS = (VG_IMAGE_SIZE / 32) * (VG_IMAGE_SIZE / 32),
};

/* What one thread of the team has to itself. */
typedef struct vg_scratch {
    float *input;       /* normalised rows of the image that a strip needs */
    float *ring;        /* expanded rows of a step */
    float *carried;     /* expanded rows that two strips need */
    float *strip;       /* depthwise outputs of a strip, or the digits of these */
    float *filtered;    /* a row of a panel on its way to digits */
    const float **rows; /* what a depthwise kernel reads */
} vg_scratch;

/* Where 1x1 convolutions take digits: those of a block's output. */
typedef struct vg_encoded {
    float *digits, *scales;
} vg_encoded;

struct vg_workspace {
    vg_team *team;
    float *tensors[2]; /* a block's input and output */
    vg_encoded encoded[2];
    float *zeros;         /* a row of padding */
    vg_scratch *scratch;  /* [size of the team] */
    vg_layer_time *times; /* [VG_LAYER_COUNT], or NULL; of the first thread */
};

/* Rows of the image that `stem_rows` rows of the stem need. */
static inline int vg_image_rows(int stem_rows)
{
    return 2 * stem_rows + 1;
}

#endif
