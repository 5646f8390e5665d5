#include "dense_network.h"

#include <stdio.h>
#include <stdlib.h>

/* [size][size][channels] */
typedef struct tensor {
    int size, channels;
    double *values;
} tensor;

static tensor tensor_open(int size, int channels)
{
    tensor t = {size, channels, calloc((size_t)(size * size * channels), sizeof *t.values)};
    if (t.values == NULL) abort();
    return t;
}

static const float *find(const vg_weights *weights, const char *layer, const char *suffix)
{
    char name[2 * VG_MAX_NAME];
    snprintf(name, sizeof name, "%s/%s", layer, suffix);
    for (size_t i = 0; i < weights->count; i++) {
        const char *a = weights->tensors[i].name, *b = name;
        while (*a != '\0' && *a == *b) a++, b++;
        if (*a == *b) return weights->tensors[i].values;
    }
    fprintf(stderr, "no tensor %s\n", name);
    abort();
}

/* One output pixel; TensorFlow's SAME padding: at stride 2 below and right only. */
static void convolve_pixel(const vg_layer *layer, const tensor *in, const float *kernel,
                           int first_y, int first_x, double *out)
{
    for (int ky = 0; ky < layer->kernel_size; ky++) {
        for (int kx = 0; kx < layer->kernel_size; kx++) {
            int y = first_y + ky, x = first_x + kx;
            if (y < 0 || y >= in->size || x < 0 || x >= in->size) continue;
            const double *pixel = in->values + (y * in->size + x) * in->channels;
            const float *tap = kernel + (ky * layer->kernel_size + kx) * layer->in_channels *
                                            (layer->is_depthwise ? 1 : layer->out_channels);
            for (int c = 0; c < in->channels; c++) {
                if (layer->is_depthwise) {
                    out[c] += pixel[c] * (double)tap[c];
                    continue;
                }
                for (int o = 0; o < layer->out_channels; o++)
                    out[o] += pixel[c] * (double)tap[c * layer->out_channels + o];
            }
        }
    }
}

static tensor convolve(const vg_weights *weights, const vg_layer *layer, const tensor *in,
                       int stride, int has_relu6)
{
    tensor out = tensor_open(in->size / stride, layer->out_channels);
    const float *bias = find(weights, layer->name, "bias");
    const float *kernel =
        find(weights, layer->name, layer->is_depthwise ? "depthwise_kernel" : "kernel");
    int padding = layer->kernel_size == 3 && stride == 1;
    for (int i = 0; i < out.size * out.size; i++) {
        double *pixel = out.values + i * out.channels;
        for (int c = 0; c < out.channels; c++) pixel[c] = (double)bias[c];
        convolve_pixel(layer, in, kernel, i / out.size * stride - padding,
                       i % out.size * stride - padding, pixel);
        for (int c = 0; has_relu6 && c < out.channels; c++)
            pixel[c] = pixel[c] < 0.0 ? 0.0 : pixel[c] > 6.0 ? 6.0 : pixel[c];
    }
    return out;
}

static void replace(tensor *current, tensor next)
{
    free(current->values);
    *current = next;
}

void dense_forward(const vg_weights *weights, const uint8_t *rgb, double *features)
{
    int index = 0;
    tensor x = tensor_open(VG_IMAGE_SIZE, 3);
    for (int i = 0; i < VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3; i++)
        x.values[i] = (double)rgb[i] / 127.5 - 1.0;

    vg_layer layer = vg_layer_at(index++);
    replace(&x, convolve(weights, &layer, &x, 2, 1));
    for (int b = 0; b < VG_BLOCK_COUNT; b++) {
        tensor input = tensor_open(x.size, x.channels);
        for (int i = 0; i < x.size * x.size * x.channels; i++) input.values[i] = x.values[i];
        if (b > 0) {
            layer = vg_layer_at(index++);
            replace(&x, convolve(weights, &layer, &x, 1, 1));
        }
        layer = vg_layer_at(index++);
        replace(&x, convolve(weights, &layer, &x, vg_blocks[b].stride, 1));
        layer = vg_layer_at(index++);
        replace(&x, convolve(weights, &layer, &x, 1, 0));
        for (int i = 0; vg_blocks[b].has_residual && i < x.size * x.size * x.channels; i++)
            x.values[i] += input.values[i];
        free(input.values);
    }
    layer = vg_layer_at(index++);
    replace(&x, convolve(weights, &layer, &x, 1, 1));

    for (int c = 0; c < VG_FEATURE_COUNT; c++) {
        features[c] = 0.0;
        for (int i = 0; i < x.size * x.size; i++) features[c] += x.values[i * x.channels + c];
        features[c] /= x.size * x.size;
    }
    free(x.values);
}
