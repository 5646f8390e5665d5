/* The first SIGINT, SIGTERM or SIGHUP asks the run to stop, the second ends it. */
#include <signal.h>
#include <sys/prctl.h>

#include "cli/cli.h"

atomic_bool vg_cli_interrupted;
static atomic_int first_signal;

static void interrupt(int signal_number)
{
    if (!atomic_exchange(&vg_cli_interrupted, true)) {
        atomic_store(&first_signal, signal_number);
        return;
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

int vg_cli_interrupted_exit(void)
{
    return 128 + atomic_load(&first_signal);
}

void vg_cli_end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
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
