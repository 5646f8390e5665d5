#include "selection/image_endings.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *const endings[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png"};

bool vg_has_image_ending(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *ending = strrchr(name, '.');
    if (ending == NULL) return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(ending, endings[i]) == 0) return true;
    return false;
}
