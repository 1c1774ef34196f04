// Archives are opened by nobody in this program: a worker unpacks into the directory that it is given, and is dead when
// the caller looks at what it made.
#include "cache/fetch.h"

#include "cache/worker_client.h"

enum { SILENCE_FACTOR = 4, STALL_DEFAULT_S = 30, TOTAL_S = 3600 };

UnpackKind unpack_kind_of(Str file_name) {
    return str_ends_with(file_name, STR(".deb")) ? UNPACK_DEB : UNPACK_TAR_OR_ZIP;
}

Error *unpack_archive(const FetchOptions *options, const UnpackRequest *request, Cancel *cancel, UnpackResult *out) {
    const WorkerRequest message = {
        .type = MESSAGE_UNPACK,
        .unpack = {.kind = request->kind == UNPACK_DEB,
                   .has_strip_prefix = request->has_strip_prefix,
                   .strip_prefix = request->has_strip_prefix ? request->strip_prefix : STR_NULL,
                   .size_max = request->size_max_bytes ? request->size_max_bytes : 8ull << 30,
                   .entries_max = request->entries_max ? request->entries_max : 1000000},
    };
    const int fds[] = {request->archive_fd, request->into_dirfd};
    const WorkerCall call = {
        .worker_path = options ? options->worker_path : NULL,
        .request = &message,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .silence_s =
            SILENCE_FACTOR * (options && options->stall_timeout_s ? options->stall_timeout_s : STALL_DEFAULT_S),
        .total_s = TOTAL_S,
        .cancel = cancel,
    };
    if (message.unpack.strip_prefix.len > PROTOCOL_PATH_MAX || str_find_byte(message.unpack.strip_prefix, '\0') >= 0)
        return error_new(ERROR_INVALID, "strip_prefix of %.*s is no path", STR_ARG(request->name));
    WorkerEnd end;
    Error *error = worker_call(&call, &end);
    if (error)
        return error_kind(error) == ERROR_INTERRUPTED ? error
                                                      : error_wrap(error, "cannot unpack %.*s", STR_ARG(request->name));
    *out = (UnpackResult){.entries = end.answer.a, .size_bytes = end.answer.b};
    return NULL;
}
