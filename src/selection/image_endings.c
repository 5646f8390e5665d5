#include "selection/image_endings.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "verger/verger.h"

typedef struct ending {
    const char *text, *format; /* as vg_image_format names it */
} ending;

static const ending endings[] = {
    {".jpg", "JPEG"},  {".jpeg", "JPEG"}, {".jpe", "JPEG"}, {".jfif", "JPEG"}, {".png", "PNG"},
    {".webp", "WebP"}, {".gif", "GIF"},   {".bmp", "BMP"},  {".dib", "BMP"},   {".tif", "TIFF"},
    {".tiff", "TIFF"}, {".pnm", "PNM"},   {".ppm", "PNM"},  {".pgm", "PNM"},   {".pbm", "PNM"},
    {".heic", "HEIC"}, {".heif", "HEIC"}, {".avif", "AVIF"}};

static bool is_read(const char *format)
{
    const char *one;
    for (size_t i = 0; (one = vg_image_format(i)) != NULL; i++)
        if (strcmp(one, format) == 0) return true;
    return false;
}

bool vg_has_image_ending(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *text = strrchr(name, '.');
    if (text == NULL) return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(text, endings[i].text) == 0) return is_read(endings[i].format);
    return false;
}
