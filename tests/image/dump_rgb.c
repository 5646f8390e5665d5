/* Decodes images for test_pillow.py.
 *   dump_rgb [--orient] [--max-pixels N] [--resize WIDTH HEIGHT] [--kernels NAME]
 * stdin: images, each as a uint32 of its size and its bytes. stdout: for each a
 * uint32 of status, width, height and size, then the RGB bytes or the message.
 * Numbers are in the byte order of the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "image/image.h"

typedef struct dump {
    vg_image_options options;
    int width, height; /* to resize to, or 0 */
    const char *kernel_set;
    vg_kernels kernels;
    vg_resizer *resizer;
    vg_image image;
    uint8_t *resized;
} dump;

static int parse_arguments(dump *d, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--orient") == 0) {
            d->options.exif_orient = 1;
        } else if (strcmp(argv[i], "--max-pixels") == 0 && i + 1 < argc) {
            d->options.max_pixels = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--resize") == 0 && i + 2 < argc) {
            d->width = atoi(argv[++i]);
            d->height = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--kernels") == 0 && i + 1 < argc) {
            d->kernel_set = argv[++i];
        } else {
            return 0;
        }
    }
    return 1;
}

static int put_frame(vg_status status, int width, int height, const void *data, size_t size)
{
    uint32_t header[4] = {(uint32_t)status, (uint32_t)width, (uint32_t)height, (uint32_t)size};
    return fwrite(header, sizeof header, 1, stdout) == 1 && fwrite(data, 1, size, stdout) == size;
}

static int answer(dump *d, const void *data, size_t size)
{
    vg_error error = {{0}};
    const uint8_t *rgb = NULL;
    int width = 0, height = 0;
    vg_status status = vg_image_decode(&d->image, data, size, &d->options, &error);
    if (status == VG_OK && d->resizer != NULL) {
        status = vg_resizer_run(d->resizer, &d->image, d->resized, &error);
        rgb = d->resized;
        width = d->width;
        height = d->height;
    } else if (status == VG_OK) {
        rgb = d->image.rgb;
        width = d->image.width;
        height = d->image.height;
    }
    if (status != VG_OK) return put_frame(status, 0, 0, error.message, strlen(error.message));
    return put_frame(status, width, height, rgb, (size_t)width * (size_t)height * 3);
}

/* The image's bytes end where the allocation ends, so that a sanitizer sees a read
 * past them. */
static int answer_all(dump *d)
{
    uint32_t size;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        uint8_t *data = malloc(size);
        if (data == NULL && size > 0) return 0;
        int is_answered = fread(data, 1, size, stdin) == size && answer(d, data, size);
        free(data);
        if (!is_answered) return 0;
    }
    return fflush(stdout) == 0;
}

static int open_resizer(dump *d)
{
    vg_error error = {{0}};
    if (!vg_kernels_init(&d->kernels, vg_cpu_features(), d->kernel_set)) {
        fprintf(stderr, "dump_rgb: this CPU has no kernels %s\n", d->kernel_set);
        return 0;
    }
    if (d->width == 0) return 1;
    d->resized = malloc((size_t)d->width * (size_t)d->height * 3);
    if (d->resized == NULL) return 0;
    if (vg_resizer_open(&d->resizer, &d->kernels, d->width, d->height, &error) == VG_OK) return 1;
    fprintf(stderr, "dump_rgb: %s\n", error.message);
    return 0;
}

int main(int argc, char **argv)
{
    dump d = {.kernel_set = "ref"};
    vg_image_options_default(&d.options);
    if (!parse_arguments(&d, argc, argv)) {
        fprintf(stderr, "usage: dump_rgb [--orient] [--max-pixels N] [--resize WIDTH HEIGHT] "
                        "[--kernels NAME]\n");
        return 2;
    }
    int is_done = open_resizer(&d) && answer_all(&d);
    vg_resizer_close(&d.resizer);
    vg_image_close(&d.image);
    free(d.resized);
    return is_done ? 0 : 1;
}
