#ifndef VG_SELECTION_GLOB_H
#define VG_SELECTION_GLOB_H

#include <stdbool.h>

/* Whether the whole path matches. '*' and '?' stop at '/'; '**' does not, and as a
 * whole folder name ('**' + '/') it stands for any number of folders, none
 * included. [abc], [a-z] and [!a] match one character of a set; '\' takes the next
 * character as it is. Characters are bytes. Takes at most the time of a product of
 * both lengths; a path longer than any store takes (8 KiB) matches nothing. */
bool vg_glob_match(const char *pattern, const char *path);

#endif
