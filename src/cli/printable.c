/* Text of others, made harmless for a terminal. */
#include <stdio.h>

#include "cli/cli.h"

/* C0, DEL, and C1 as UTF-8 writes it, c2 80 to c2 9f. */
static bool is_control(unsigned char byte, unsigned char before)
{
    return byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte >= 0x80 && byte < 0xa0);
}

void vg_cli_printable(char *text, size_t capacity, const char *message)
{
    const size_t longest = sizeof "\\xNN";
    size_t used = 0;
    unsigned char before = 0;
    for (; *message != '\0' && used + longest <= capacity; message++) {
        unsigned char byte = (unsigned char)*message;
        if (is_control(byte, before))
            used += (size_t)snprintf(text + used, capacity - used, "\\x%02x", byte);
        else
            text[used++] = *message;
        before = byte;
    }
    text[used] = '\0';
}
