// One loop on several threads: hashing is bound by the processor, and copying small files by system calls. Invariant:
// every thread has ended when parallel_each returns, and which error it returns does not depend on their order.
#include "store/internal.h"

#include <sched.h>

enum { THREADS_MAX = 8 };

typedef struct Loop {
    ParallelWork work;
    void *context;
    atomic_size_t next;
    atomic_size_t stop; // no item from here on need be done: the lowest that failed
    pthread_mutex_t mutex;
    Error *error; // of item `stop`
} Loop;

static void note_error(Loop *loop, size_t i, Error *error) {
    pthread_mutex_lock(&loop->mutex);
    if (i < atomic_load(&loop->stop)) {
        error_free(loop->error);
        loop->error = error;
        atomic_store(&loop->stop, i);
    } else {
        error_free(error);
    }
    pthread_mutex_unlock(&loop->mutex);
}

static void *loop_main(void *argument) {
    Loop *loop = argument;
    for (;;) {
        size_t i = atomic_fetch_add(&loop->next, 1);
        if (i >= atomic_load(&loop->stop))
            return NULL;
        Error *error = loop->work(loop->context, i);
        if (error)
            note_error(loop, i, error);
    }
}

static size_t threads_for(size_t count, size_t grain) {
    size_t wanted = count / grain;
    if (wanted < 2)
        return 1;
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    size_t limit = cores < THREADS_MAX ? (size_t)cores : THREADS_MAX;
    return wanted < limit ? wanted : limit;
}

Error *parallel_each(size_t count, size_t grain, ParallelWork work, void *context) {
    Loop loop = {.work = work, .context = context};
    atomic_init(&loop.next, 0);
    atomic_init(&loop.stop, count);
    pthread_mutex_init(&loop.mutex, NULL);
    pthread_t threads[THREADS_MAX];
    size_t started = 0;
    // Where no thread can be had, the caller's own does the work alone.
    for (size_t extra = threads_for(count, grain); extra > 1; extra--)
        if (pthread_create(&threads[started], NULL, loop_main, &loop) == 0)
            started++;
    loop_main(&loop);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&loop.mutex);
    return loop.error;
}
