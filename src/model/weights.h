/* Making weights: for those who read, draw or import them. */
#ifndef VG_MODEL_WEIGHTS_H
#define VG_MODEL_WEIGHTS_H

#include "model/model.h"

/* `count` tensors to be shaped by vg_tensor_open. */
vg_status vg_weights_open(vg_weights **weights, size_t count, vg_error *error);

/* Names and shapes a tensor of vg_weights_open and gives it values, which the
 * weights own. Dimensions are positive. */
vg_status vg_tensor_open(vg_tensor *tensor, const char *name, int rank, const int *shape,
                         vg_error *error);

size_t vg_tensor_count(const vg_tensor *tensor);

/* The tensors of a layer. Kernel and bias of layer i are tensors 2i and 2i + 1 of
 * what vg_weights_open_layers makes, all zero. */
vg_status vg_weights_open_layers(vg_weights **weights, vg_error *error);

/* A shape as "3x3x32x1". */
enum { VG_SHAPE_CHARS = 64 };
void vg_shape_text(char text[VG_SHAPE_CHARS], int rank, const int *shape);

#endif
