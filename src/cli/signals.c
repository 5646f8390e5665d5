/* The first SIGINT, SIGTERM or SIGHUP asks the run to stop, the second ends it. */
#include <signal.h>

#include "cli/cli.h"

atomic_bool vg_cli_interrupted;

static void interrupt(int signal_number)
{
    if (!atomic_exchange(&vg_cli_interrupted, true)) return;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void vg_cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    /* nohup asks for SIGHUP to stay ignored. */
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}
