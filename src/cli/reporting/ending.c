#include "cli/reporting/ending.h"

void vg_cli_start(const vg_cli_progress *progress, const vg_cli_command *command, const char *input,
                  const char *output)
{
    if (!vg_cli_progress_is_json(progress)) return;
    vg_cli_json json;
    vg_cli_json_begin(&json, "start");
    vg_cli_json_text(&json, "command", command->name);
    vg_cli_json_text(&json, "version", vg_version());
    vg_cli_json_text(&json, "input", VG_CLI_SHOWN(input));
    vg_cli_json_text(&json, "output", VG_CLI_SHOWN(output));
    vg_cli_json_send(&json);
}

int vg_cli_exit_code(vg_status status, uint64_t failed_images)
{
    if (status == VG_ECANCELLED) return vg_cli_interrupted_exit();
    if (status != VG_OK) return VG_EXIT_FAILED;
    return failed_images > 0 ? VG_EXIT_IMAGES_FAILED : VG_EXIT_OK;
}

static const char *outcome(int exit_code, vg_status status)
{
    if (status == VG_ECANCELLED) return "interrupted";
    switch (exit_code) {
    case VG_EXIT_OK: return "ok";
    case VG_EXIT_IMAGES_FAILED: return "images failed";
    default: return "failed";
    }
}

void vg_cli_end_begin(vg_cli_json *json, int exit_code, vg_status status, const vg_error *error)
{
    vg_cli_json_begin(json, "end");
    vg_cli_json_text(json, "outcome", outcome(exit_code, status));
    vg_cli_json_count(json, "exit_code", (uint64_t)exit_code);
    vg_cli_json_text(json, "error", status != VG_OK ? error->message : NULL);
}
