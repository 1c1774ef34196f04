// Archives through reader and writer, in this process: nothing but files, directories and links of ours may come of any
// bytes, all of them below the directory. The first byte chooses the kind and whether there is a strip_prefix.
#include "cache/worker/unpack.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// How many names stand directly in dirfd.
static unsigned check_tree(int dirfd, unsigned depth) {
    unsigned count = 0;
    BUG_UNLESS(depth < 300);
    int own = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    BUG_UNLESS(own >= 0);
    AUTO_DIR DIR *dir = fdopendir(own);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        struct stat st;
        BUG_UNLESS(fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        BUG_UNLESS(S_ISLNK(st.st_mode) || ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && !(st.st_mode & 07022)));
        if (!S_ISDIR(st.st_mode))
            continue;
        AUTO_FD int sub = openat(dirfd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        BUG_UNLESS(sub >= 0);
        check_tree(sub, depth + 1);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    unpack_prepare();
    char path[] = "/tmp/fuzz-unpack.XXXXXX";
    AUTO_FD int archive = memfd_create("archive", MFD_CLOEXEC);
    BUG_UNLESS(archive >= 0 && mkdtemp(path));
    Error *error = fd_write_all(archive, data + 1, size - 1);
    BUG_UNLESS(!error);
    // The tree is one level down, so that what escapes by one ".." is seen.
    AUTO_FD int outer = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    BUG_UNLESS(mkdirat(outer, "in", 0755) == 0);
    AUTO_FD int inner = openat(outer, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const WorkerUnpack request = {
        .kind = data[0] & 1,
        .has_strip_prefix = (data[0] & 2) != 0,
        .strip_prefix = STR("p"),
        .size_max = 1 << 20,
        .entries_max = 200,
    };
    uint64_t entries, bytes;
    error = unpack_run(&(UnpackJob){.archive_fd = archive, .dirfd = inner, .request = &request}, &entries, &bytes);
    error_free(error);
    BUG_UNLESS(check_tree(outer, 0) == 1);
    error = fd_remove_tree(AT_FDCWD, path);
    BUG_UNLESS(!error);
    return 0;
}
