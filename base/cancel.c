#include "base/cancel.h"
#include "base/fd.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

Error *cancel_init(Cancel *cancel) {
    atomic_init(&cancel->requested, false);
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return cancel->fd < 0 ? error_sys(errno, "cannot make an event descriptor") : NULL;
}

void cancel_release(Cancel *cancel) {
    fd_close(&cancel->fd);
}

void cancel_request(Cancel *cancel) {
    int saved = errno;
    uint64_t one = 1;
    atomic_store(&cancel->requested, true);
    // The counter cannot be full: it is never read, and a second request adds one.
    ssize_t done = write(cancel->fd, &one, sizeof one);
    (void)done;
    errno = saved;
}

Error *cancel_check(const Cancel *cancel) {
    return cancel_requested(cancel) ? error_new(ERROR_INTERRUPTED, "interrupted") : NULL;
}
