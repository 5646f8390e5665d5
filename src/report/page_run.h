/* What a page says of the run whose tables it shows. */
#ifndef VG_REPORT_PAGE_RUN_H
#define VG_REPORT_PAGE_RUN_H

#include <jansson.h>

#include "io/io.h"

/* Puts "run", all of model_info, and "variance", its variances by component; both are empty
 * where the output has no model_info of this timestamp. */
vg_status vg_page_run_facts(json_t *head, vg_store *output, const char *timestamp, vg_error *error);

/* Puts "errors": reasons with the number of images and some of their paths. */
vg_status vg_page_run_errors(json_t *head, vg_store *output, const char *timestamp,
                             vg_error *error);

#endif
