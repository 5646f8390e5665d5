/* Pillow's bicubic resize of 8-bit RGB, exact to the bit. Source: Pillow 10,
 * src/libImaging/Resample.c. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/image.h"

enum {
    CHANNELS = 3,
};

static const double bicubic_support = 2.0;

/* The filter of one side, for the input size it was last computed for. */
typedef struct filter {
    int in_size, out_size; /* in_size is 0 until there is one */
    int taps;
    size_t capacity;             /* of weights */
    vg_resample_window *windows; /* [out_size] */
    int32_t *weights;            /* [out_size][taps] */
} filter;

/* Rows after the horizontal pass that the vertical one still needs: those of the
 * input from `first` on. */
typedef struct row_store {
    uint8_t *rows;
    size_t capacity;
    int first, count, room;
} row_store;

struct vg_resizer {
    const vg_kernels *kernels;
    filter horizontal, vertical;
    row_store store;
};

/* --- Filter ------------------------------------------------------------- */

/* Keys' cubic convolution with a = -1/2, the operations in Pillow's order. */
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < bicubic_support) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static int32_t fixed_point(double weight)
{
    return (int32_t)((weight < 0 ? -0.5 : 0.5) + weight * (1 << VG_RESAMPLE_BITS));
}

static void compute_window(filter *f, int x, double scale, double filter_scale)
{
    double support = bicubic_support * filter_scale;
    double centre = (x + 0.5) * scale;
    double inverse_scale = 1.0 / filter_scale;
    int first = (int)(centre - support + 0.5);
    if (first < 0) first = 0;
    int end = (int)(centre + support + 0.5);
    if (end > f->in_size) end = f->in_size;
    f->windows[x] = (vg_resample_window){first, end - first};

    double total = 0.0;
    for (int i = first; i < end; i++) total += bicubic((i - centre + 0.5) * inverse_scale);
    int32_t *weights = f->weights + (size_t)x * (size_t)f->taps;
    for (int i = first; i < end; i++) {
        double weight = bicubic((i - centre + 0.5) * inverse_scale);
        weights[i - first] = fixed_point(total != 0.0 ? weight / total : weight);
    }
    for (int t = end - first; t < f->taps; t++) weights[t] = 0;
}

static void close_filter(filter *f)
{
    free(f->windows);
    free(f->weights);
    *f = (filter){0};
}

static vg_status open_filter(filter *f, int out_size, vg_error *error)
{
    f->out_size = out_size;
    f->windows = vg_alloc_aligned((size_t)out_size, sizeof *f->windows);
    if (f->windows == NULL) return vg_fail_memory(error, (size_t)out_size * sizeof *f->windows);
    return VG_OK;
}

static vg_status set_in_size(filter *f, int in_size, vg_error *error)
{
    if (f->in_size == in_size) return VG_OK;
    double scale = (double)in_size / f->out_size;
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    int taps = (int)ceil(bicubic_support * filter_scale) * 2 + 1;
    size_t count = (size_t)taps * (size_t)f->out_size;
    f->in_size = 0;
    if (count > f->capacity) {
        free(f->weights);
        f->capacity = 0;
        f->weights = vg_alloc_aligned(count, sizeof *f->weights);
        if (f->weights == NULL) return vg_fail_memory(error, count * sizeof *f->weights);
        f->capacity = count;
    }
    f->in_size = in_size;
    f->taps = taps;
    for (int x = 0; x < f->out_size; x++) compute_window(f, x, scale, filter_scale);
    return VG_OK;
}

/* --- Rows between the passes -------------------------------------------- */

/* Room for two windows, so that most rows never move. */
static vg_status reserve_rows(row_store *store, int taps, size_t row_bytes, vg_error *error)
{
    size_t bytes = 2 * (size_t)taps * row_bytes;
    if (bytes > store->capacity) {
        free(store->rows);
        store->capacity = 0;
        store->rows = vg_alloc_aligned(bytes, 1);
        if (store->rows == NULL) return vg_fail_memory(error, bytes);
        store->capacity = bytes;
    }
    store->room = 2 * taps;
    store->first = store->count = 0;
    return VG_OK;
}

/* Those of the image from `y` on. */
static void resample_rows(const vg_resizer *resizer, uint8_t *to, const vg_image *image, int y,
                          int rows)
{
    const filter *f = &resizer->horizontal;
    const uint8_t *from = image->rgb + (size_t)image->width * CHANNELS * (size_t)y;
    if (image->width == f->out_size)
        memcpy(to, from, (size_t)rows * (size_t)f->out_size * CHANNELS);
    else
        resizer->kernels->resample_rows(to, from, rows, image->width, f->windows, f->weights,
                                        f->taps, f->out_size);
}

/* As many as kernels like to take together, where there is room. */
static int rows_at_once(const row_store *store, int wanted, int left)
{
    int rows = (wanted + VG_RESAMPLE_ROWS - 1) / VG_RESAMPLE_ROWS * VG_RESAMPLE_ROWS;
    if (rows > left) rows = left;
    if (rows > store->room - store->count) rows = store->room - store->count;
    assert(rows >= wanted);
    return rows;
}

/* The rows of the window, one after the other. Windows come in order and overlap. */
static const uint8_t *window_rows(vg_resizer *resizer, const vg_image *image,
                                  vg_resample_window window)
{
    row_store *store = &resizer->store;
    size_t row_bytes = (size_t)resizer->horizontal.out_size * CHANNELS;
    int end = window.first + window.count;
    if (end - store->first > store->room) {
        int gone = window.first - store->first;
        memmove(store->rows, store->rows + (size_t)gone * row_bytes,
                (size_t)(store->count - gone) * row_bytes);
        store->first = window.first;
        store->count -= gone;
    }
    int next = store->first + store->count;
    if (next < end) {
        int rows = rows_at_once(store, end - next, image->height - next);
        resample_rows(resizer, store->rows + (size_t)store->count * row_bytes, image, next, rows);
        store->count += rows;
    }
    return store->rows + (size_t)(window.first - store->first) * row_bytes;
}

/* --- Resizer ------------------------------------------------------------ */

vg_status vg_resizer_open(vg_resizer **resizer, const vg_kernels *kernels, int width, int height,
                          vg_error *error)
{
    *resizer = NULL;
    if (width <= 0 || height <= 0 || width > VG_LONGEST_SIDE || height > VG_LONGEST_SIDE)
        return vg_fail(error, VG_EINVAL, "cannot resize to %d x %d pixels: take 1 to %d a side",
                       width, height, VG_LONGEST_SIDE);
    vg_resizer *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->kernels = kernels;
    vg_status status = open_filter(&opened->horizontal, width, error);
    if (status == VG_OK) status = open_filter(&opened->vertical, height, error);
    if (status != VG_OK) {
        vg_resizer_close(&opened);
        return status;
    }
    *resizer = opened;
    return VG_OK;
}

void vg_resizer_close(vg_resizer **resizer)
{
    if (*resizer == NULL) return;
    close_filter(&(*resizer)->horizontal);
    close_filter(&(*resizer)->vertical);
    free((*resizer)->store.rows);
    free(*resizer);
    *resizer = NULL;
}

static vg_status resize(vg_resizer *resizer, const vg_image *image, uint8_t *rgb, vg_error *error)
{
    const filter *columns = &resizer->vertical;
    size_t row_bytes = (size_t)resizer->horizontal.out_size * CHANNELS;
    vg_status status = set_in_size(&resizer->horizontal, image->width, error);
    if (status != VG_OK) return status;
    if (image->height == columns->out_size) {
        resample_rows(resizer, rgb, image, 0, image->height);
        return VG_OK;
    }
    status = set_in_size(&resizer->vertical, image->height, error);
    if (status == VG_OK) status = reserve_rows(&resizer->store, columns->taps, row_bytes, error);
    if (status != VG_OK) return status;
    for (int y = 0; y < columns->out_size; y++, rgb += row_bytes) {
        const uint8_t *rows = window_rows(resizer, image, columns->windows[y]);
        resizer->kernels->resample_column(rgb, rows, (ptrdiff_t)row_bytes,
                                          columns->weights + (size_t)y * (size_t)columns->taps,
                                          columns->windows[y].count, row_bytes);
    }
    return VG_OK;
}

vg_status vg_resizer_run(vg_resizer *resizer, const vg_image *image, uint8_t *rgb, vg_error *error)
{
    if (image->rgb == NULL || image->width <= 0 || image->height <= 0)
        return vg_fail(error, VG_EINVAL, "there is no image to resize: decode one first");
    if (image->width > VG_LONGEST_SIDE || image->height > VG_LONGEST_SIDE)
        return vg_fail(error, VG_ELIMIT, "the image is %d x %d pixels: %d a side is the most",
                       image->width, image->height, VG_LONGEST_SIDE);
    return resize(resizer, image, rgb, error);
}

vg_status vg_image_resize(const vg_image *image, int width, int height, uint8_t *rgb,
                          vg_error *error)
{
    if (image == NULL || image->rgb == NULL || rgb == NULL)
        return vg_fail(error, VG_EINVAL, "an image and room for its pixels are needed");
    if (width < 1 || height < 1 || width > VG_LONGEST_SIDE || height > VG_LONGEST_SIDE)
        return vg_fail(error, VG_EINVAL, "%d x %d pixels: sides are 1 to %d", width, height,
                       VG_LONGEST_SIDE);
    vg_kernels kernels;
    vg_resizer *resizer = NULL;
    vg_status status = vg_kernels_choose(&kernels, NULL, error);
    if (status == VG_OK) status = vg_resizer_open(&resizer, &kernels, width, height, error);
    if (status == VG_OK) status = vg_resizer_run(resizer, image, rgb, error);
    vg_resizer_close(&resizer);
    return status;
}
