#include <charconv>

#include "io/io.h"

size_t vg_format_float64(char *text, double value)
{
    char *end = std::to_chars(text, text + VG_NUMBER_CHARS - 1, value).ptr;
    *end = '\0';
    return static_cast<size_t>(end - text);
}
