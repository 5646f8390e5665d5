/* The page as a file: the template with its title, style and script, and in the middle what
 * the caller writes. */
#ifndef VG_REPORT_PAGE_FILE_H
#define VG_REPORT_PAGE_FILE_H

#include "base/new_file.h"

typedef vg_status vg_page_writer(void *context, FILE *page, vg_error *error);

/* Writes `path`, whole or not at all; `write_data` puts the blocks of page_blocks.h. Gives
 * the page's size in bytes. */
vg_status vg_page_file_write(const char *path, const char *title, vg_page_writer *write_data,
                             void *context, uint64_t *size, vg_error *error);

#endif
