/* A fresh folder for a test, and files in it by plain stdio. */
#ifndef VG_TESTS_IO_FOLDER_H
#define VG_TESTS_IO_FOLDER_H

#include <stddef.h>

enum { FOLDER_CHARS = 4096 };

/* A fixture of cmocka: *state is the folder's path. */
int make_folder(void **state);
int remove_folder(void **state);

/* "folder/name", valid until the fourth call after it. */
const char *in(const char *folder, const char *name);

void put(const char *path, const char *text);
/* The file's text, freed by the caller; NULL where there is no file. */
char *get(const char *path);
size_t count_entries(const char *folder);

/* Whether the superuser's rights could be dropped; regain gives them back. */
int drop_rights(void);
void regain_rights(void);

#endif
