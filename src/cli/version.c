/* verger --version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "io/io.h"

static const char *wanted_kernels(void)
{
    const char *wanted = getenv("VERGER_CPU");
    return wanted != NULL && wanted[0] != '\0' ? wanted : NULL;
}

const char *vg_cli_kernels(void)
{
    const char *wanted = wanted_kernels(), *used = NULL, *name;
    for (size_t i = 0; (name = vg_kernel_set(i)) != NULL; i++)
        if (wanted == NULL || strcmp(wanted, name) == 0) used = name;
    for (size_t i = 0; wanted != NULL && (name = vg_named_kernel_set(i)) != NULL; i++)
        if (strcmp(wanted, name) == 0) used = name;
    return used;
}

static void print_kernels(void)
{
    const char *wanted = wanted_kernels(), *used = vg_cli_kernels(), *name;
    printf("kernels    ");
    for (size_t i = 0; (name = vg_kernel_set(i)) != NULL; i++)
        printf("%s%s", i > 0 ? ", " : "", name);
    if (used == NULL)
        printf("; VERGER_CPU=%s is none of them\n", wanted);
    else
        printf("; in use: %s%s\n", used, wanted != NULL ? " (VERGER_CPU)" : "");
    printf("           by name alone, for their bits are others: ");
    for (size_t i = 0; (name = vg_named_kernel_set(i)) != NULL; i++)
        printf("%s%s", i > 0 ? ", " : "", name);
    printf("\n");
}

void vg_cli_print_version(void)
{
    printf("verger %s (ABI %d)\n", vg_version(), vg_abi_version());
    print_kernels();
    printf("libraries  %s, %s\n", vg_libraries(), vg_io_libraries());
}
