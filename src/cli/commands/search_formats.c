#include "cli/commands/search_formats.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/json.h"
#include "cli/reporting/printed_names.h"
#include "io/io.h"

/* --- Names ---------------------------------------------------------------------- */

typedef void name_printer(const char *name, const char *separator);

/* Those of the query, images first, which are names of files; paths are as the table has them. */
static void print_query(const vg_search_query *query, name_printer *print, const char *separator)
{
    const char *before = "";
    for (size_t i = 0; i < query->image_count; i++, before = separator) {
        char *text = vg_cli_name_text(query->images[i]);
        print(text != NULL ? text : query->images[i], before);
        free(text);
    }
    for (size_t i = 0; i < query->path_count; i++, before = separator)
        print(query->paths[i], before);
}

/* --- Table ------------------------------------------------------------------------ */

static void print_table(const vg_cli_answer *answer)
{
    fputs("query     ", stdout);
    print_query(answer->query, vg_cli_print_plain, " + ");
    putchar('\n');
    for (size_t i = 0; i < answer->count; i++) {
        printf("%.6f  ", answer->hits[i].distance);
        vg_cli_print_plain(answer->hits[i].path, "");
        vg_cli_print_plain(answer->hits[i].label, "  (");
        puts(")");
    }
}

/* --- JSON -------------------------------------------------------------------------- */

static void print_json_name(const char *name, const char *separator)
{
    fputs(separator, stdout);
    vg_json_write_string(stdout, name);
}

static void print_json(const vg_cli_answer *answer)
{
    char number[VG_NUMBER_CHARS];
    fputs("{\"query\": [", stdout);
    print_query(answer->query, print_json_name, ", ");
    printf("], \"metric\": \"%s\", \"nearest\": [", answer->metric);
    for (size_t i = 0; i < answer->count; i++) {
        const vg_search_hit *hit = &answer->hits[i];
        print_json_name("path", i > 0 ? ", {" : "{");
        print_json_name(hit->path, ": ");
        print_json_name("label", ", ");
        print_json_name(hit->label, ": ");
        vg_format_float64(number, hit->distance);
        printf(", \"distance\": %s}", number);
    }
    puts("]}");
}

/* --- CSV ----------------------------------------------------------------------------- */

static void print_csv(const vg_cli_answer *answer)
{
    char number[VG_NUMBER_CHARS];
    for (size_t i = 0; i < answer->count; i++) {
        putchar('"');
        print_query(answer->query, vg_cli_print_quoted, " + ");
        vg_format_float64(number, answer->hits[i].distance);
        printf("\",%zu,", i + 1);
        vg_cli_print_quoted(answer->hits[i].path, "\"");
        vg_cli_print_quoted(answer->hits[i].label, "\",\"");
        printf("\",%s\n", number);
    }
}

/* --- HTML ------------------------------------------------------------------------------ */

/* Names are text of the page, never part of it. */
static void print_html_text(const char *text, const char *separator)
{
    fputs(separator, stdout);
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': fputs("&amp;", stdout); break;
        case '<': fputs("&lt;", stdout); break;
        case '>': fputs("&gt;", stdout); break;
        case '"': fputs("&quot;", stdout); break;
        default: putchar(*text);
        }
    }
}

static void print_base64(const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0U) |
                         (left > 2 ? (unsigned)bytes[i + 2] : 0U);
        putchar(digits[group >> 18]);
        putchar(digits[group >> 12 & 63]);
        putchar(left > 1 ? digits[group >> 6 & 63] : '=');
        putchar(left > 2 ? digits[group & 63] : '=');
    }
}

/* The file of a row or of a query, where it can still be read, within the page: what lies
 * elsewhere a page on disk may not load. */
static void print_image(const char *name)
{
    enum { LARGEST = 16 << 20 };
    size_t size = strlen(name);
    char *path = malloc(size + 1);
    vg_store *store = NULL;
    vg_bytes content = {0};
    if (path == NULL) return;
    memcpy(path, name, size + 1);
    path[vg_unescape(path, size)] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL) *slash = '\0';
    const vg_store_options options = {.follow_links = true};
    const char *folder = slash == NULL ? "." : slash == path ? "/" : path;
    if (vg_store_open(&store, folder, &options, NULL) == VG_OK &&
        vg_store_read(store, slash != NULL ? slash + 1 : path, VG_SIZE_UNKNOWN, LARGEST, &content,
                      NULL) == VG_OK &&
        content.size > 1) {
        printf("<img alt=\"\" src=\"data:image/%s;base64,",
               content.bytes[0] == 0xFF ? "jpeg" : "png");
        print_base64(content.bytes, content.size);
        fputs("\">", stdout);
    }
    vg_store_close(&store);
    free(content.bytes);
    free(path);
}

static void print_html_query(const char *name, const char *separator)
{
    fputs(separator, stdout);
    fputs("<li>", stdout);
    print_image(name);
    print_html_text(name, "<span>");
    fputs("</span></li>\n", stdout);
}

static void print_html(const vg_cli_answer *answer)
{
    fputs("<section>\n<h2>Asked for</h2>\n<ul>\n", stdout);
    print_query(answer->query, print_html_query, "");
    printf("</ul>\n<h2>Nearest, by %s</h2>\n<ol>\n", answer->metric);
    for (size_t i = 0; i < answer->count; i++) {
        const vg_search_hit *hit = &answer->hits[i];
        fputs("<li>", stdout);
        print_image(hit->path);
        print_html_text(hit->label, "<b>");
        print_html_text(hit->path, "</b><span>");
        printf("</span><i>%.6f</i></li>\n", hit->distance);
    }
    puts("</ol>\n</section>");
}

/* --- The whole ------------------------------------------------------------------------------ */

static const char page_begin[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'\">\n"
    "<title>Nearest images</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; font: 14px sans-serif }\n"
    "ul, ol { display: flex; flex-wrap: wrap; gap: 12px; padding: 0; list-style: none }\n"
    "li { width: 140px; overflow-wrap: anywhere }\n"
    "img { width: 140px; height: 140px; object-fit: contain }\n"
    "li > * { display: block }\n"
    "</style>\n"
    "<main>\n"
    "<h1>Nearest images</h1>\n";

void vg_cli_search_begin(vg_cli_search_format format)
{
    if (format == VG_CLI_SEARCH_CSV) puts("query,rank,path,label,distance");
    if (format == VG_CLI_SEARCH_HTML) fputs(page_begin, stdout);
}

void vg_cli_search_print(vg_cli_search_format format, const vg_cli_answer *answer)
{
    switch (format) {
    case VG_CLI_SEARCH_TABLE: print_table(answer); break;
    case VG_CLI_SEARCH_JSON: print_json(answer); break;
    case VG_CLI_SEARCH_CSV: print_csv(answer); break;
    case VG_CLI_SEARCH_HTML: print_html(answer); break;
    }
    fflush(stdout);
}

void vg_cli_search_end(vg_cli_search_format format)
{
    if (format == VG_CLI_SEARCH_HTML) puts("</main>\n</html>");
}
