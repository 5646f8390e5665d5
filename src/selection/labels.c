#include "selection/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* The last name of a path or address whose end is not a '/'. */
static vg_slice last_name(const char *text, size_t size)
{
    size_t start = size;
    while (start > 0 && text[start - 1] != '/') start--;
    return (vg_slice){text + start, size - start};
}

vg_slice vg_path_label(const vg_store *input, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash != NULL) return last_name(path, (size_t)(slash - path));
    const char *address = vg_store_address(input);
    return last_name(address, strlen(address));
}

vg_slice vg_path_split(const char *path)
{
    const char *first = strchr(path, '/');
    if (first == NULL || strchr(first + 1, '/') == NULL) return (vg_slice){path, 0};
    return (vg_slice){path, (size_t)(first - path)};
}

const char *vg_path_filename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

vg_status vg_path_address(vg_bytes *address, const vg_store *input, const char *path,
                          vg_error *error)
{
    const char *above = vg_store_address(input);
    size_t above_size = strlen(above), path_size = strlen(path);
    bool ends_in_slash = above_size > 0 && above[above_size - 1] == '/';
    size_t size = above_size + !ends_in_slash + path_size;
    if (size > address->capacity) {
        unsigned char *bytes = realloc(address->bytes, 2 * size);
        if (bytes == NULL) return vg_fail_memory(error, 2 * size);
        address->bytes = bytes;
        address->capacity = 2 * size;
    }
    memcpy(address->bytes, above, above_size);
    if (!ends_in_slash) address->bytes[above_size] = '/';
    memcpy(address->bytes + size - path_size, path, path_size);
    address->size = size;
    return VG_OK;
}
