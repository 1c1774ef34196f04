// A user namespace exists as long as something refers to it: a process that has ended but was not waited for is enough,
// so none has to be kept waiting. The namespace's only use is as a table of ids for idmapped mounts.
#include "base/fd.h"
#include "base/vec.h"
#include "sandbox/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

typedef struct Idmap {
    uid_t uid;
    gid_t gid;
    int fd;
} Idmap;

// ThreadSanitizer takes clone(2) for fork(2) and begins new books in the child: with shared memory they would be ours.
#ifdef __SANITIZE_THREAD__
enum { SHARE_MEMORY = 0 };
#else
enum { SHARE_MEMORY = CLONE_VM | CLONE_VFORK };
#endif

static int end_at_once(void *unused) {
    (void)unused;
    return 0;
}

static Error *write_map(pid_t pid, const char *name, unsigned disk_id, unsigned box_id) {
    char path[64], line[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int len = snprintf(line, sizeof line, "%u %u 1\n", disk_id, box_id);
    AUTO_FD int fd = -1;
    TRY(fd_open(AT_FDCWD, path, O_WRONLY, 0, &fd));
    TRY_CTX(fd_write_all(fd, line, (size_t)len), "%s", path);
    return NULL;
}

static Error *userns_of(pid_t pid, uid_t disk_uid, gid_t disk_gid, HostIdentity identity, int *fd_out) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    TRY(write_map(pid, "uid_map", disk_uid, identity.uid));
    TRY(write_map(pid, "gid_map", disk_gid, identity.gid));
    return fd_open(AT_FDCWD, path, O_RDONLY, 0, fd_out);
}

static Error *make_userns(uid_t disk_uid, gid_t disk_gid, HostIdentity identity, int *fd_out) {
    enum { STACK_SIZE = 64 * 1024 };
    // The child shares our memory and ends before we go on; no signal is sent at its end, and only a wait that asks for
    // such children sees it.
    AUTO_FREE char *stack = mem_alloc(STACK_SIZE);
    pid_t pid = clone(end_at_once, stack + STACK_SIZE, SHARE_MEMORY | CLONE_NEWUSER, NULL);
    if (pid < 0)
        return host_namespace_error(errno, "cannot make a user namespace");
    Error *error = userns_of(pid, disk_uid, disk_gid, identity, fd_out);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
    return error;
}

Error *idmap_userns(uid_t disk_uid, gid_t disk_gid, HostIdentity identity, int *fd_out) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static VEC(Idmap) known;
    Error *error = NULL;
    int fd = -1;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < known.count && fd < 0; i++)
        if (known.items[i].uid == disk_uid && known.items[i].gid == disk_gid)
            fd = known.items[i].fd;
    if (fd < 0) {
        error = make_userns(disk_uid, disk_gid, identity, &fd);
        if (!error)
            vec_push(&known, (Idmap){disk_uid, disk_gid, fd});
    }
    pthread_mutex_unlock(&lock);
    *fd_out = fd;
    return error;
}
