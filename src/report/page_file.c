#include "report/page_file.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "digest/base64.h"
#include "report/page_source.h"

typedef struct page_parts {
    const char *title;
    char script_digest[VG_BASE64_SHA256_CHARS], style_digest[VG_BASE64_SHA256_CHARS];
    vg_page_writer *write_data;
    void *context;
} page_parts;

static void put_escaped(FILE *page, const char *text)
{
    for (; *text != '\0'; text++) switch (*text) {
        case '&': fputs("&amp;", page); break;
        case '<': fputs("&lt;", page); break;
        case '>': fputs("&gt;", page); break;
        case '"': fputs("&quot;", page); break;
        default: putc(*text, page);
        }
}

static vg_status put_named(const page_parts *parts, FILE *page, const char *name, size_t size,
                           vg_error *error)
{
    char known[16];
    snprintf(known, sizeof known, "%.*s", (int)size, name);
    if (strcmp(known, "TITLE") == 0)
        put_escaped(page, parts->title);
    else if (strcmp(known, "VERSION") == 0)
        fputs(vg_version(), page);
    else if (strcmp(known, "SCRIPT_DIGEST") == 0)
        fputs(parts->script_digest, page);
    else if (strcmp(known, "STYLE_DIGEST") == 0)
        fputs(parts->style_digest, page);
    else if (strcmp(known, "STYLE") == 0)
        fputs(vg_page_style, page);
    else if (strcmp(known, "SCRIPT") == 0)
        fputs(vg_page_script, page);
    else if (strcmp(known, "DATA") == 0)
        return parts->write_data(parts->context, page, error);
    return VG_OK;
}

/* Pieces between '@' are by turns text and names: the template has no other '@'. */
static vg_status put_page(const page_parts *parts, FILE *page, vg_error *error)
{
    const char *next = vg_page_html;
    vg_status status = VG_OK;
    for (bool is_name = false; status == VG_OK; is_name = !is_name) {
        size_t size = strcspn(next, "@");
        if (is_name)
            status = put_named(parts, page, next, size, error);
        else
            fwrite(next, 1, size, page);
        if (next[size] == '\0') break;
        next += size + 1;
    }
    return status;
}

vg_status vg_page_file_write(const char *path, const char *title, vg_page_writer *write_data,
                             void *context, uint64_t *size, vg_error *error)
{
    page_parts parts = {.title = title, .write_data = write_data, .context = context};
    vg_new_file file;
    vg_status status =
        vg_base64_sha256(vg_page_script, strlen(vg_page_script), parts.script_digest, error);
    if (status == VG_OK)
        status = vg_base64_sha256(vg_page_style, strlen(vg_page_style), parts.style_digest, error);
    if (status == VG_OK) status = vg_new_file_open(&file, path, error);
    if (status != VG_OK) return status;
    status = put_page(&parts, file.stream, error);
    bool is_written = status == VG_OK && ferror(file.stream) == 0;
    off_t written = ftello(file.stream);
    *size = written > 0 ? (uint64_t)written : 0;
    vg_status closed = vg_new_file_close(&file, is_written, status == VG_OK ? error : NULL);
    return status == VG_OK ? closed : status;
}
