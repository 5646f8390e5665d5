/* Bytes that cannot stay as they are become \xNN. */
#ifndef VG_BASE_ESCAPE_H
#define VG_BASE_ESCAPE_H

#include <stddef.h>

enum { VG_ESCAPE_CHARS = 4 }; /* of one byte: "\xNN" */

/* Bytes of the character at `text`, of which `size` > 0 are left, if it stays as it is; 0
 * where its first byte is to be escaped. vg_utf8_length is one. */
typedef size_t vg_kept_length(const char *text, size_t size);

/* For terminals, logs and messages, which show names that others chose: no control
 * characters (C0, DEL, C1), none that ends a line or turns the direction of what follows
 * (U+2028 to U+202E, U+2066 to U+2069). */
size_t vg_printable_length(const char *text, size_t size);

/* For columns of names, which are text while names are bytes. A backslash goes too where it
 * would look like the start of an escape: names that differ stay different, and
 * vg_unescape gives them back. */
size_t vg_name_length(const char *text, size_t size);

/* Both: a name that can be shown, and that vg_unescape gives back. */
size_t vg_printable_name_length(const char *text, size_t size);

/* Cuts what does not fit; VG_ESCAPE_CHARS * size + 1 holds all. Returns the size without
 * the NUL. */
size_t vg_escape(char *escaped, size_t capacity, const char *text, size_t size,
                 vg_kept_length *kept);

/* Turns each \xNN back into its byte, in place. Returns the new size; no NUL is written. */
size_t vg_unescape(char *text, size_t size);

#endif
