/* What verger search prints. */
#ifndef VG_CLI_COMMANDS_SEARCH_FORMATS_H
#define VG_CLI_COMMANDS_SEARCH_FORMATS_H

#include "explore/search.h"

typedef enum vg_cli_search_format {
    VG_CLI_SEARCH_TABLE,
    VG_CLI_SEARCH_JSON,
    VG_CLI_SEARCH_CSV,
    VG_CLI_SEARCH_HTML
} vg_cli_search_format;

#define VG_CLI_SEARCH_FORMATS "table json csv html"

/* One answer. */
typedef struct vg_cli_answer {
    const vg_search_query *query;
    const char *metric;
    const vg_search_hit *hits;
    size_t count;
} vg_cli_answer;

/* All go to standard output: what comes before the first answer, each, what comes last. */
void vg_cli_search_begin(vg_cli_search_format format);
void vg_cli_search_print(vg_cli_search_format format, const vg_cli_answer *answer);
void vg_cli_search_end(vg_cli_search_format format);

#endif
