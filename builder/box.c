// A cleanroom for commands: what is constant comes from the sandbox's tables, the rest from the package. The log gets
// every byte of output; the sandbox's own copy goes to /dev/null, so that the log's limit holds.
#include "builder/box.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

enum { IDLE_DEFAULT_S = 30 * 60, TOTAL_DEFAULT_S = 6 * 60 * 60, TEXT_MAX = 200 };
static const uint64_t DISK_DEFAULT_BYTES = UINT64_C(64) << 30, DISK_RESERVE_BYTES = UINT64_C(256) << 20;

Str box_command_text(const Command *command, Arena *arena) {
    AUTO_BUF Buf raw, clean;
    buf_init(&raw, 64 * 1024);
    buf_init(&clean, BUF_NO_LIMIT);
    for (size_t i = 0; i < command->argv.count; i++) {
        buf_add_cstr(&raw, i ? " " : "");
        buf_add_str(&raw, command->argv.items[i]);
    }
    for (size_t i = 0; i < raw.len; i++)
        if (raw.ptr[i] == '\n' || raw.ptr[i] == '\r')
            raw.ptr[i] = ' ';
    buildlog_sanitise(&clean, buf_str(&raw));
    Str text = buf_str(&clean);
    if (text.len <= TEXT_MAX)
        return arena_str(arena, text);
    size_t end = TEXT_MAX;
    while (end > 0 && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
        end--;
    return arena_printf(arena, "%.*s...", STR_ARG(str_slice(text, 0, end)));
}

static uint64_t disk_allowance(const BoxRequest *request) {
    return request->limits.disk_bytes ? request->limits.disk_bytes : DISK_DEFAULT_BYTES;
}

// What may be written before the host's disk is in danger.
static uint64_t disk_limit(const BoxRequest *request) {
    uint64_t limit = disk_allowance(request);
    struct statvfs fs;
    if (fstatvfs(request->workspace->dirfd, &fs) < 0)
        return limit;
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t room = available > 2 * DISK_RESERVE_BYTES ? available - DISK_RESERVE_BYTES : available / 2 + 1;
    return room < limit ? room : limit;
}

static Error *how_it_ended(const BoxRequest *request, size_t index, Arena *arena, const SandboxResult *result,
                           const SandboxLimits *limits) {
    Str command = box_command_text(&request->commands->items[index], arena);
    Str who = request->commands->count == 1
                  ? arena_printf(arena, "%.*s: `%.*s`", STR_ARG(request->what), STR_ARG(command))
                  : arena_printf(arena, "%.*s: command %zu of %zu, `%.*s`,", STR_ARG(request->what), index + 1,
                                 request->commands->count, STR_ARG(command));
    switch (result->end) {
    case SANDBOX_EXITED:
        if (result->code == 0)
            return NULL;
        return error_new(ERROR_BUILD_FAILED, "%.*s failed with exit code %d", STR_ARG(who), result->code);
    case SANDBOX_SIGNALLED:
        return error_new(ERROR_BUILD_FAILED, "%.*s was ended by signal %d (%s)", STR_ARG(who), result->code,
                         strsignal(result->code));
    case SANDBOX_TOTAL_TIMEOUT:
        return error_new(ERROR_BUILD_FAILED, "%.*s was ended: it took longer than %u s", STR_ARG(who),
                         limits->total_timeout_s);
    case SANDBOX_IDLE_TIMEOUT:
        return error_new(ERROR_BUILD_FAILED, "%.*s was ended: it said nothing for %u s", STR_ARG(who),
                         limits->idle_timeout_s);
    case SANDBOX_DISK_LIMIT:
        return error_new(ERROR_BUILD_FAILED,
                         limits->disk_bytes < disk_allowance(request)
                             ? "%.*s was ended: it wrote more than the %llu MiB that the disk has left"
                             : "%.*s was ended: it wrote more than %llu MiB",
                         STR_ARG(who), (unsigned long long)(limits->disk_bytes >> 20));
    case SANDBOX_OUTPUT_LIMIT:
        return error_new(ERROR_BUILD_FAILED, "%.*s was ended: it said too much", STR_ARG(who));
    case SANDBOX_CANCELLED:
    default:
        return error_new(ERROR_INTERRUPTED, "%.*s was interrupted", STR_ARG(who));
    }
}

static void take_output(void *context, Str bytes) {
    const BoxRequest *request = context;
    buildlog_output(request->log, bytes);
    if (request->on_output)
        request->on_output(request->context, bytes);
}

static Error *run_one(const BoxRequest *request, size_t index, int null_fd, uint64_t spent_s, Cancel *cancel,
                      Arena *arena, BoxReport *report) {
    const Command *command = &request->commands->items[index];
    const char *const *argv;
    TRY_CTX(environment_argv(command, request->workspace, request->root->layers, request->root->count, arena, &argv),
            "%.*s", STR_ARG(request->what));
    SandboxMount mounts[WORKSPACE_MOUNTS];
    workspace_mounts(request->workspace, mounts);
    uint32_t total = request->limits.total_timeout_s ? request->limits.total_timeout_s : TOTAL_DEFAULT_S;
    SandboxSpec spec = {
        .layers = request->root->layers,
        .layer_count = request->root->count,
        .mounts = mounts,
        .mount_count = WORKSPACE_MOUNTS,
        .argv = argv,
        .env = request->env,
        .cwd = "/build",
        .hostname = "minimal",
        .uid = 1000,
        .gid = 1000,
        .network = SANDBOX_NETWORK_NONE,
        .limits = {.total_timeout_s = spent_s < total ? total - (uint32_t)spent_s : 1,
                   .idle_timeout_s = request->limits.idle_timeout_s ? request->limits.idle_timeout_s : IDLE_DEFAULT_S,
                   .disk_bytes = disk_limit(request),
                   .watched_fd = request->workspace->dirfd,
                   .cpus = request->limits.cpus},
        .stdin_fd = -1,
        .stdout_fd = -1,
        .stderr_fd = -1,
        .log_fd = null_fd,
        .on_output = take_output,
        .context = (void *)(uintptr_t)request,
    };
    spec.skeleton = sandbox_base_skeleton(&spec.skeleton_count);
    buildlog_note(request->log, "%.*s: %.*s", STR_ARG(request->what), STR_ARG(box_command_text(command, arena)));
    SandboxResult result;
    TRY_CTX(sandbox_run(&spec, cancel, &result), "%.*s", STR_ARG(request->what));
    report->wall_ns += result.wall_ns;
    report->network_used |= result.network_used != 0;
    spec.limits.total_timeout_s = total;
    Error *error = how_it_ended(request, index, arena, &result, &spec.limits);
    if (error)
        buildlog_note(request->log, "%s", error_text(error));
    return error;
}

Error *box_run(const BoxRequest *request, Cancel *cancel, Arena *arena, BoxReport *out) {
    *out = (BoxReport){0};
    AUTO_FD int null_fd = -1;
    TRY(fd_open(AT_FDCWD, "/dev/null", O_WRONLY, 0, &null_fd));
    for (size_t i = 0; i < request->commands->count; i++)
        TRY(run_one(request, i, null_fd, out->wall_ns / 1000000000u, cancel, arena, out));
    return NULL;
}
