#define _GNU_SOURCE
#include "FaultyStorage.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024 };

static atomic_long calls;
static atomic_bool watched[DESCRIPTORS];

static long number(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? 0 : atol(text);
}

static int concerns(const char *path) {
  const char *part = getenv("FAULT_PATH");
  return part != NULL && path != NULL && strstr(path, part) != NULL;
}

static int concerns_file(int file) { return file >= 0 && file < DESCRIPTORS && watched[file]; }

// Counts a call; whether it is to fail.
static int fails(void) {
  long call = atomic_fetch_add(&calls, 1) + 1, first = number("FAULT_AT"), last = number("FAULT_UNTIL");
  if (first == 0 || call < first || call > (last > first ? last : first)) return 0;
  long error = number("FAULT_ERROR");
  if (error == 0) kill(getpid(), SIGKILL);
  if (error < 0) exit((int)-error);
  errno = (int)error;
  return 1;
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static int note(int file, const char *path) {
  if (file >= 0 && file < DESCRIPTORS) watched[file] = concerns(path);
  return file;
}

static mode_t mode_of(int flags, va_list arguments) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                                              \
  int name(const char *path, int flags, ...) {                                  \
    va_list arguments;                                                          \
    va_start(arguments, flags);                                                 \
    mode_t mode = mode_of(flags, arguments);                                    \
    va_end(arguments);                                                          \
    if (concerns(path) && fails()) return -1;                                   \
    return note(REAL(name)(path, flags, mode), path);                           \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int file, const void *bytes, size_t count) {
  if (concerns_file(file) && fails()) return -1;
  return REAL(write)(file, bytes, count);
}

int fsync(int file) {
  if (concerns_file(file) && fails()) return -1;
  return REAL(fsync)(file);
}

int ftruncate(int file, off_t size) {
  if (concerns_file(file) && fails()) return -1;
  return REAL(ftruncate)(file, size);
}

int close(int file) {
  if (file >= 0 && file < DESCRIPTORS) watched[file] = 0;
  return REAL(close)(file);
}

int rename(const char *from, const char *to) {
  if (concerns(to) && fails()) return -1;
  return REAL(rename)(from, to);
}

int link(const char *from, const char *to) {
  if (concerns(to) && fails()) return -1;
  return REAL(link)(from, to);
}

int unlink(const char *path) {
  if (concerns(path) && fails()) return -1;
  return REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
  if (concerns(path) && fails()) return -1;
  return REAL(mkdir)(path, mode);
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("FAULT_COUNT");
  if (path == NULL) return;
  FILE *file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%ld", (long)calls);
  fclose(file);
}
