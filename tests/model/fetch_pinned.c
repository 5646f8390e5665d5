/* fetch_pinned URL BYTES IS_IMAGENET: a fetch with what is otherwise said of the official
 * file alone, which no test can fetch. */
#include <stdio.h>
#include <stdlib.h>

#include "weights/sources.h"

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    const vg_model_pin pin = {.bytes = strtoull(argv[2], NULL, 10), .is_imagenet = atoi(argv[3])};
    char path[VG_PATH_CHARS];
    vg_error error;
    if (vg_model_fetch_pinned(argv[1], &pin, NULL, NULL, path, &error) != VG_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    puts(path);
    return 0;
}
