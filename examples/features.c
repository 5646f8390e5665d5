/* Features of images from memory, with libverger alone:
 *   cc features.c $(pkg-config --cflags --libs verger) -o features
 *   ./features MODEL IMAGE...
 * prints the first features of each image; the exit status is 1 where one failed.
 * A library outside the system's folders is found at PREFIX/lib by
 * PKG_CONFIG_PATH=PREFIX/lib/pkgconfig for cc, and by LD_LIBRARY_PATH=PREFIX/lib, or
 * -Wl,-rpath,PREFIX/lib, for the program. */
#include <stdio.h>
#include <stdlib.h>

#include <verger/verger.h>

static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    enum { LIMIT = 16 << 20 };
    unsigned char *bytes = malloc(LIMIT);
    *size = bytes != NULL ? fread(bytes, 1, LIMIT, file) : 0;
    fclose(file);
    return bytes;
}

/* Whether there are some. */
static int print_features(vg_extractor *extractor, const char *path)
{
    static float features[VG_FEATURE_COUNT];
    vg_encoded_image image = {0};
    vg_image_result result;
    unsigned char *bytes = read_file(path, &image.size);
    image.data = bytes;
    if (bytes == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 0;
    }
    vg_error error;
    vg_status status = vg_extract(extractor, 1, &image, features, &result, &error);
    if (status != VG_OK)
        fprintf(stderr, "%s: %s\n", path, error.message);
    else if (result.status == VG_OK)
        printf("%s: %g %g %g ...\n", path, (double)features[0], (double)features[1],
               (double)features[2]);
    else
        fprintf(stderr, "%s: %s\n", path, result.error.message);
    free(bytes);
    return status == VG_OK && result.status == VG_OK;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: features MODEL IMAGE...\n");
        return 2;
    }
    vg_error error;
    vg_model *model = NULL;
    vg_extractor *extractor = NULL;
    vg_status status = vg_model_open(&model, argv[1], NULL, &error);
    if (status == VG_OK) status = vg_extractor_open(&extractor, model, NULL, &error);
    int failed = 0;
    if (status == VG_OK)
        for (int i = 2; i < argc; i++) failed += !print_features(extractor, argv[i]);
    else
        fprintf(stderr, "%s\n", error.message);
    vg_extractor_close(&extractor);
    vg_model_close(&model);
    return status == VG_OK && failed == 0 ? 0 : 1;
}
