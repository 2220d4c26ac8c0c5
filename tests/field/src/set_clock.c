/* Shows the process that loads it first (LD_PRELOAD) a wall clock that is set while it runs. The file that SET_CLOCK names
 * begins with a 64-bit integer: by how many milliseconds that clock is ahead of the machine's. The monotonic clock is left
 * alone. A wait until a moment of the wall clock lasts until the clock shows that moment, as with a clock that was really set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

typedef int wait_until(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

static const volatile int64_t *ahead_ms;
static wait_until *machines_wait;

static const int64_t SECOND = 1000000000;
/* The longest time after which a wait looks at the clock. */
static const int64_t LOOK = 20000000;
/* Before that, it is a time of the monotonic clock. */
static const int64_t MONOTONIC = 300000000;

static wait_until *find_wait(void) {
    if (!machines_wait) {
        /* The older version has another layout. */
        void *found = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        machines_wait = (wait_until *)(found ? found : dlsym(RTLD_NEXT, "pthread_cond_timedwait"));
    }
    return machines_wait;
}

__attribute__((constructor)) static void open_clock(void) {
    find_wait();
    const char *path = getenv("SET_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) {
        abort();
    }
    void *mapped = mmap(NULL, sizeof *ahead_ms, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) {
        abort();
    }
    ahead_ms = mapped;
}

static int64_t machines_clock(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static int64_t ahead(void) {
    return ahead_ms ? *ahead_ms * (SECOND / 1000) : 0;
}

static struct timespec moment(int64_t nanos) {
    struct timespec at = {.tv_sec = nanos / SECOND, .tv_nsec = nanos % SECOND};
    return at;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        *now = moment(machines_clock() + ahead());
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    int64_t nanos = machines_clock() + ahead();
    now->tv_sec = nanos / SECOND;
    now->tv_usec = nanos % SECOND / 1000;
    return 0;
}

time_t time(time_t *now) {
    time_t seconds = (machines_clock() + ahead()) / SECOND;
    if (now) {
        *now = seconds;
    }
    return seconds;
}

int timespec_get(struct timespec *now, int base) {
    clock_gettime(CLOCK_REALTIME, now);
    return base;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    if (until->tv_sec < MONOTONIC) {
        return find_wait()(condition, mutex, until);
    }
    for (;;) {
        int64_t now = machines_clock();
        int64_t left = until->tv_sec * SECOND + until->tv_nsec - now - ahead();
        struct timespec look = moment(now + (left < LOOK ? left : LOOK));
        int outcome = find_wait()(condition, mutex, &look);
        if (outcome != ETIMEDOUT || left <= LOOK) {
            return outcome;
        }
    }
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until) {
    switch (pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until)) {
    case 0:
        return thrd_success;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}
