#include "cli/bench/bench_image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "base/error.h"

/* The picture takes a tenth of the capacity: the library never has to grow it. */
enum { SIZE = 100, RADIUS = 42, QUALITY = 90, CAPACITY = 64 << 10 };

static void draw_row(JSAMPLE *row, int y)
{
    for (int x = 0; x < SIZE; x++, row += 3) {
        int dx = x - SIZE / 2, dy = y - SIZE / 2, distance = dx * dx + dy * dy;
        row[0] = row[1] = row[2] = 255;
        if (distance > RADIUS * RADIUS) continue;
        /* Light from the upper left, and a texture that costs the coder what skin does. */
        int shade = 200 - distance * 100 / (RADIUS * RADIUS) - dx - dy;
        int grain = (x * 7 + y * 13 + x * y) % 17;
        row[0] = (JSAMPLE)(shade > 235 ? 255 : shade + 20);
        row[1] = (JSAMPLE)(shade / 3 + grain);
        row[2] = (JSAMPLE)(shade / 5 + grain / 2);
    }
}

typedef struct failure {
    struct jpeg_error_mgr manager;
    jmp_buf handler;
} failure;

/* The library's own handler would end the process. */
static void jump(j_common_ptr info)
{
    longjmp(((failure *)(void *)info->err)->handler, 1);
}

vg_status vg_bench_image(unsigned char **jpeg, size_t *size, vg_error *error)
{
    struct jpeg_compress_struct encoder;
    failure failed;
    unsigned long bytes = CAPACITY;
    *jpeg = malloc(CAPACITY);
    if (*jpeg == NULL) return vg_fail_memory(error, CAPACITY);
    encoder.err = jpeg_std_error(&failed.manager);
    failed.manager.error_exit = jump;
    jpeg_create_compress(&encoder);
    if (setjmp(failed.handler)) {
        jpeg_destroy_compress(&encoder);
        free(*jpeg);
        *jpeg = NULL;
        return vg_fail(error, VG_EFORMAT,
                       "libjpeg cannot encode the bench's own picture: give one "
                       "of your own with --image FILE");
    }
    jpeg_mem_dest(&encoder, jpeg, &bytes);
    encoder.image_width = encoder.image_height = SIZE;
    encoder.input_components = 3;
    encoder.in_color_space = JCS_RGB;
    jpeg_set_defaults(&encoder);
    jpeg_set_quality(&encoder, QUALITY, TRUE);
    jpeg_start_compress(&encoder, TRUE);
    for (int y = 0; y < SIZE; y++) {
        JSAMPLE row[SIZE * 3];
        JSAMPROW rows[] = {row};
        draw_row(row, y);
        jpeg_write_scanlines(&encoder, rows, 1);
    }
    jpeg_finish_compress(&encoder);
    jpeg_destroy_compress(&encoder);
    *size = bytes;
    return VG_OK;
}
