/* Writes serialised moments of a few kinds into a folder.
 *   corpus_moments FOLDER */
#include <stdio.h>
#include <stdlib.h>

#include "verger/verger.h"

static int write_moments(const char *folder, int dims, int rows)
{
    vg_moments *moments = NULL;
    unsigned char *bytes = NULL;
    float *row = calloc((size_t)dims, sizeof *row);
    FILE *file = NULL;
    int done = 0;
    if (row == NULL || vg_moments_open(&moments, dims, NULL) != VG_OK) goto end;
    for (int r = 0; r < rows; r++) {
        for (int d = 0; d < dims; d++) row[d] = (float)((r * 7 + d * d * 3 + r * d) % 11);
        if (vg_moments_add(moments, 1, row, NULL) != VG_OK) goto end;
    }
    size_t size = vg_moments_serialized_size(moments);
    bytes = malloc(size);
    if (bytes == NULL) goto end;
    vg_moments_serialize(moments, bytes);

    char path[4096];
    snprintf(path, sizeof path, "%s/%d-dims-%d-rows", folder, dims, rows);
    file = fopen(path, "wb");
    done = file != NULL && fwrite(bytes, 1, size, file) == size;
end:
    if (file != NULL && fclose(file) != 0) done = 0;
    free(bytes);
    free(row);
    vg_moments_close(&moments);
    return done;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    const int dims[] = {1, 3, 16}, rows[] = {0, 1, 2, 40};
    for (size_t d = 0; d < 3; d++)
        for (size_t r = 0; r < 4; r++)
            if (!write_moments(argv[1], dims[d], rows[r])) {
                fprintf(stderr, "corpus_moments: cannot write %d moments of %d rows into %s\n",
                        dims[d], rows[r], argv[1]);
                return 1;
            }
    return 0;
}
