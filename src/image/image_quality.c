/* Sums of whole numbers all along, so their order leaves no trace. The vertical sums come first:
 * they are of bytes that follow one another, which a compiler adds many at a time. */
#include "image/image_quality.h"

#include <math.h>

enum {
    SIDE = VG_IMAGE_SIZE,
    HALF = SIDE / 2, /* of the grey image */
    FIELDS = VG_SIGNATURE_SIDE,
    FIELD = SIDE / FIELDS,
    ROW = 3 * SIDE,
    LEVELS = 256,
    HISTOGRAMS = 4 /* that pixels take by turns: equal ones follow, and one would wait for itself */
};

/* Pillow's convert("L"), src/libImaging/Convert.c: ITU-R 601-2 in 65536ths. */
enum { RED = 19595, GREEN = 38470, BLUE = 7471, GREY_BITS = 16 };

static const int percentiles[VG_BRIGHTNESS_LEVELS] = {1, 5, 50, 95, 99};

typedef struct grey_image {
    uint8_t levels[HALF][HALF];
    uint32_t histogram[LEVELS];
} grey_image;

/* Two rows of pixels become one. */
static void add_rows(uint16_t *sum, const uint8_t *first, const uint8_t *second)
{
    for (int i = 0; i < ROW; i++) sum[i] = (uint16_t)(first[i] + second[i]);
}

/* A row of the grey image, of the sums of two rows of pixels. */
static void make_levels(uint8_t *levels, const uint16_t *sum)
{
    for (int x = 0; x < HALF; x++, sum += 6) {
        uint32_t grey = RED * ((uint32_t)sum[0] + sum[3]) + GREEN * ((uint32_t)sum[1] + sum[4]) +
                        BLUE * ((uint32_t)sum[2] + sum[5]);
        levels[x] = (uint8_t)((grey + (2U << GREY_BITS)) >> (GREY_BITS + 2)); /* of four pixels */
    }
}

/* A row of the signature, of the sums of as many rows of pixels as a field has. */
static void make_fields(uint16_t *fields, const uint16_t *sum)
{
    enum { AREA = FIELD * FIELD, STEP = 1 << (GREY_BITS - 8) };
    for (int field = 0; field < FIELDS; field++) {
        uint32_t colours[3] = {0};
        for (int x = 0; x < FIELD; x++, sum += 3)
            for (int c = 0; c < 3; c++) colours[c] += sum[c];
        uint64_t grey =
            (uint64_t)RED * colours[0] + (uint64_t)GREEN * colours[1] + (uint64_t)BLUE * colours[2];
        fields[field] = (uint16_t)((grey + AREA * STEP / 2) / (AREA * STEP));
    }
}

/* Both images in one pass over the pixels. */
static void shrink(grey_image *grey, uint16_t *signature, const uint8_t *rgb)
{
    uint16_t pair[ROW], field[ROW] = {0}; /* 14 rows of 255 at most */
    for (int y = 0; y < HALF; y++, rgb += 2 * ROW) {
        add_rows(pair, rgb, rgb + ROW);
        make_levels(grey->levels[y], pair);
        for (int i = 0; i < ROW; i++) field[i] = (uint16_t)(field[i] + pair[i]);
        if ((2 * y + 2) % FIELD != 0) continue;
        make_fields(signature + (2 * y / FIELD) * FIELDS, field);
        for (int i = 0; i < ROW; i++) field[i] = 0;
    }
}

static void count_levels(grey_image *grey)
{
    uint32_t counts[HISTOGRAMS][LEVELS] = {{0}};
    const uint8_t *levels = grey->levels[0];
    for (int i = 0; i < HALF * HALF; i += HISTOGRAMS)
        for (int turn = 0; turn < HISTOGRAMS; turn++) counts[turn][levels[i + turn]]++;
    for (int level = 0; level < LEVELS; level++)
        grey->histogram[level] =
            counts[0][level] + counts[1][level] + counts[2][level] + counts[3][level];
}

static void find_percentiles(uint8_t *brightness, const uint32_t *histogram)
{
    uint32_t count = 0;
    int level = -1;
    for (int i = 0; i < VG_BRIGHTNESS_LEVELS; i++) {
        uint32_t wanted = ((uint32_t)percentiles[i] * HALF * HALF + 99) / 100;
        while (count < wanted) count += histogram[++level];
        brightness[i] = (uint8_t)level;
    }
}

/* n times the sum of squares less the square of the sum, by n squared. */
static double variance(int64_t n, int64_t sum, int64_t squares)
{
    return (double)(n * squares - sum * sum) / (double)(n * n);
}

static double measure_contrast(const uint32_t *histogram)
{
    int64_t sum = 0, squares = 0;
    for (int64_t level = 0; level < LEVELS; level++) {
        sum += level * histogram[level];
        squares += level * level * histogram[level];
    }
    return sqrt(variance(HALF * HALF, sum, squares));
}

static double measure_sharpness(const grey_image *grey)
{
    enum { INNER = HALF - 2 };
    int64_t sum = 0, squares = 0;
    for (int y = 1; y < HALF - 1; y++) {
        const uint8_t *above = grey->levels[y - 1], *row = grey->levels[y],
                      *below = grey->levels[y + 1];
        int32_t row_sum = 0, row_squares = 0; /* at most 110 times 1020 squared */
        for (int x = 1; x < HALF - 1; x++) {
            int32_t edge = above[x] + below[x] + row[x - 1] + row[x + 1] - 4 * row[x];
            row_sum += edge;
            row_squares += edge * edge;
        }
        sum += row_sum;
        squares += row_squares;
    }
    return variance(INNER * INNER, sum, squares);
}

void vg_image_quality_measure(vg_image_quality *quality, const uint8_t *rgb, int width, int height)
{
    grey_image grey;
    *quality = (vg_image_quality){.width = width, .height = height};
    shrink(&grey, quality->signature, rgb);
    count_levels(&grey);
    find_percentiles(quality->brightness, grey.histogram);
    quality->contrast = measure_contrast(grey.histogram);
    quality->sharpness = measure_sharpness(&grey);
}
