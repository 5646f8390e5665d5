/* The first program of the machine that tools/check-avx512 emulates. Runs the commands
 * in /commands, a line each, one after the other until one fails, writes "exit STATUS" and
 * turns the machine off. */
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { MOST_WORDS = 16, LONGEST_LINE = 256 };

/* The exit status of the command, as a shell would say it. */
static int run(char *line)
{
    char *words[MOST_WORDS + 1] = {NULL};
    int count = 0, status;
    for (char *word = strtok(line, " "); word != NULL && count < MOST_WORDS;
         word = strtok(NULL, " "))
        words[count++] = word;
    if (count == 0) return 0;
    pid_t child = fork();
    if (child == 0) {
        execv(words[0], words);
        perror(words[0]);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) return 126;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
    char line[LONGEST_LINE];
    int status = 0;
    FILE *commands = fopen("/commands", "r");
    if (commands == NULL) status = 125;
    while (status == 0 && fgets(line, sizeof line, commands) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        printf("$ %s\n", line);
        fflush(stdout);
        status = run(line);
    }
    printf("exit %d\n", status);
    fflush(stdout);
    /* The serial port is slower than what turns the machine off. */
    tcdrain(STDOUT_FILENO);
    reboot(RB_POWER_OFF);
    for (;;) pause();
}
