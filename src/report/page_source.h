/* The page without its data: page/page.html with @NAME@ where something is put, its style and
 * its script. NUL-terminated; made by embed.cmake. */
#ifndef VG_REPORT_PAGE_SOURCE_H
#define VG_REPORT_PAGE_SOURCE_H

extern const char vg_page_html[], vg_page_style[], vg_page_script[];

#endif
