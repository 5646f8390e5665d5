/* Writes serialised moments of a few kinds into a folder, and those of rows with classes into
 * another.
 *   corpus_moments FOLDER CLASS_FOLDER */
#include <stdio.h>
#include <stdlib.h>

#include "verger/verger.h"

static void fill(float *row, int dims, int r)
{
    for (int d = 0; d < dims; d++) row[d] = (float)((r * 7 + d * d * 3 + r * d) % 11);
}

static int write_file(const char *folder, int dims, int rows, const void *bytes, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%d-dims-%d-rows", folder, dims, rows);
    FILE *file = fopen(path, "wb");
    int done = file != NULL && fwrite(bytes, 1, size, file) == size;
    if (file != NULL && fclose(file) != 0) done = 0;
    return done;
}

static int write_moments(const char *folder, int dims, int rows, float *row)
{
    vg_moments *moments = NULL;
    unsigned char *bytes = NULL;
    int done = vg_moments_open(&moments, dims, NULL) == VG_OK;
    for (int r = 0; r < rows && done; r++) {
        fill(row, dims, r);
        done = vg_moments_add(moments, 1, row, NULL) == VG_OK;
    }
    size_t size = vg_moments_serialized_size(moments);
    if (done) done = (bytes = malloc(size)) != NULL;
    if (done) {
        vg_moments_serialize(moments, bytes);
        done = write_file(folder, dims, rows, bytes, size);
    }
    free(bytes);
    vg_moments_close(&moments);
    return done;
}

static int write_class_moments(const char *folder, int dims, int rows, float *row)
{
    enum { CLASSES = 3 };
    vg_class_moments *moments = NULL;
    unsigned char *bytes = NULL;
    int done = vg_class_moments_open(&moments, dims, CLASSES, NULL) == VG_OK;
    for (int r = 0; r < rows && done; r++) {
        const int32_t class_of_row = r % CLASSES;
        fill(row, dims, r);
        done = vg_class_moments_add(moments, 1, row, &class_of_row, NULL) == VG_OK;
    }
    size_t size = vg_class_moments_serialized_size(moments);
    if (done) done = (bytes = malloc(size)) != NULL;
    if (done) {
        vg_class_moments_serialize(moments, bytes);
        done = write_file(folder, dims, rows, bytes, size);
    }
    free(bytes);
    vg_class_moments_close(&moments);
    return done;
}

int main(int argc, char **argv)
{
    enum { MOST_DIMS = 16 };
    float row[MOST_DIMS];
    if (argc != 3) {
        fprintf(stderr, "usage: %s FOLDER CLASS_FOLDER\n", argv[0]);
        return 2;
    }
    const int dims[] = {1, 3, MOST_DIMS}, rows[] = {0, 1, 2, 40};
    for (size_t d = 0; d < 3; d++)
        for (size_t r = 0; r < 4; r++)
            if (!write_moments(argv[1], dims[d], rows[r], row) ||
                !write_class_moments(argv[2], dims[d], rows[r], row)) {
                fprintf(stderr, "corpus_moments: cannot write %d moments of %d rows into %s\n",
                        dims[d], rows[r], argv[1]);
                return 1;
            }
    return 0;
}
