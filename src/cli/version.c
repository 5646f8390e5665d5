/* verger --version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "io/io.h"

/* Which set vg_model_open takes: $VERGER_CPU, else the last of the list. */
static void print_kernels(void)
{
    const char *wanted = getenv("VERGER_CPU"), *used = NULL, *name;
    bool chosen = wanted != NULL && wanted[0] != '\0';
    printf("kernels    ");
    for (size_t i = 0; (name = vg_kernel_set(i)) != NULL; i++) {
        printf("%s%s", i > 0 ? ", " : "", name);
        if (!chosen || strcmp(wanted, name) == 0) used = name;
    }
    if (used == NULL)
        printf("; VERGER_CPU=%s is none of them\n", wanted);
    else
        printf("; in use: %s%s\n", used, chosen ? " (VERGER_CPU)" : "");
}

void vg_cli_print_version(void)
{
    printf("verger %s (ABI %d)\n", vg_version(), vg_abi_version());
    print_kernels();
    printf("libraries  %s, %s\n", vg_libraries(), vg_io_libraries());
}
