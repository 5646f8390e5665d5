#include "report/page_blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "digest/base64.h"

/* Level 6 takes a third of the time of 9 for pages that are one in a hundred larger. */
enum { DEFLATE_LEVEL = 6 };

vg_status vg_page_block_json(FILE *page, const json_t *head, vg_error *error)
{
    char *text = json_dumps(head, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text == NULL) return vg_fail_memory(error, 1);
    fputs("<script type=\"application/json\" id=\"data-head\">", page);
    /* A '<' can only be inside a string, where "</script>" would end the block. */
    for (const char *next = text; *next != '\0'; next++)
        if (*next == '<')
            fputs("\\u003c", page);
        else
            putc(*next, page);
    fputs("</script>\n", page);
    free(text);
    return VG_OK;
}

void vg_page_block_plain(FILE *page, const char *name, const void *bytes, size_t size)
{
    fprintf(page, "<script type=\"text/plain\" id=\"data-%s\">", name);
    vg_base64_write(page, bytes, size);
    fputs("</script>\n", page);
}

vg_status vg_page_block_deflated(FILE *page, const char *name, const void *bytes, size_t size,
                                 vg_error *error)
{
    uLongf deflated_size = compressBound(size);
    Bytef *deflated = malloc(deflated_size);
    if (deflated == NULL) return vg_fail_memory(error, deflated_size);
    vg_status status = VG_OK;
    if (compress2(deflated, &deflated_size, bytes, size, DEFLATE_LEVEL) == Z_OK)
        vg_page_block_plain(page, name, deflated, deflated_size);
    else
        status = vg_fail_memory(error, size);
    free(deflated);
    return status;
}

void vg_page_quantise(uint16_t *steps, const float *values, size_t count, size_t stride, float *low,
                      float *high)
{
    *low = *high = count > 0 ? values[0] : 0.0f;
    for (size_t i = 0; i < count; i++) {
        *low = fminf(*low, values[i * stride]);
        *high = fmaxf(*high, values[i * stride]);
    }
    float range = *high - *low;
    for (size_t i = 0; i < count; i++) {
        float share = range > 0.0f ? (values[i * stride] - *low) / range : 0.0f;
        steps[i] = (uint16_t)lrintf(65535.0f * share);
    }
}
